"use strict";
const root = document.documentElement;
const theme = document.getElementById("theme");
const themes = ["system", "light", "dark"];

function dress(name) {
  if (name === "system") delete root.dataset.theme;
  else root.dataset.theme = name;
  theme.textContent = `Theme: ${name}`;
}

function remembered() {
  try {
    return localStorage.getItem("mobilenetc-theme");
  } catch {
    return null;
  }
}

let now = Math.max(0, themes.indexOf(remembered()));
dress(themes[now]);
theme.hidden = false;
theme.addEventListener("click", () => {
  now = (now + 1) % themes.length;
  dress(themes[now]);
  try {
    localStorage.setItem("mobilenetc-theme", themes[now]);
  } catch {
    // The choice lasts as long as the page.
  }
});

const steps = [...document.querySelectorAll(".flow details")];
const unfold = document.getElementById("unfold");
if (unfold) {
  unfold.hidden = false;
  unfold.addEventListener("click", () => {
    const open = !steps.every((step) => step.open);
    steps.forEach((step) => (step.open = open));
    unfold.textContent = open ? "Fold all" : "Unfold all";
  });
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));

// One stop of the Tab key for the whole picture; arrows go from buffer to buffer.
const buffers = [...document.querySelectorAll("#picture rect")];
const said = document.getElementById("buffer");
const say = (buffer) => (said.textContent = buffer.getAttribute("aria-label"));
buffers.forEach((buffer, at) => {
  buffer.setAttribute("tabindex", at === 0 ? 0 : -1);
  buffer.addEventListener("pointerenter", () => say(buffer));
  buffer.addEventListener("focus", () => say(buffer));
  buffer.addEventListener("keydown", (event) => {
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: buffers.length - 1 }[event.key];
    if (buffers[to] === undefined) return;
    event.preventDefault();
    buffer.setAttribute("tabindex", -1);
    buffers[to].setAttribute("tabindex", 0);
    buffers[to].focus();
  });
});
