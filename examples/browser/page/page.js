"use strict";

// Those that were built: build.sh makes do without Rust for WebAssembly.
const ALL_LANGUAGES = { c: "C", rust: "Rust" };
const LANGUAGES = Object.fromEntries(
  Object.entries(ALL_LANGUAGES).filter(([language]) => typeof built === "undefined" || built.includes(language)));
const FRAME_MS = 100;

const $ = (id) => document.getElementById(id);
const selected = (name) => document.querySelector(`input[name="${name}"]:checked`)?.value;

const loaded = new Map();
// What is shown: greys as they came, and what is known about them.
let picture = null;
let camera = null;

start().catch(giveUp);

async function start() {
  if (typeof WebAssembly === "undefined") throw new Error("This browser has no WebAssembly.");
  if (typeof labels === "undefined") {
    throw new Error("This page is not built yet: run examples/browser/build.sh and open the page it names.");
  }
  chooseLanes(hasVectors());
  for (const [language, name] of Object.entries(LANGUAGES)) $("kernels").append(row(language, name));
  document.querySelector("input[name=language]").checked = true;
  examples.forEach(addExample);
  listen();
  await load();
  document.querySelector("input[name=example]").click();
}

function giveUp(error) {
  $("best").textContent = "";
  tell("problem", error.message);
}

function chooseLanes(vectors) {
  const [simd, scalar] = document.querySelectorAll("input[name=lanes]");
  (vectors ? simd : scalar).checked = true;
  simd.disabled = !vectors;
  if (!vectors) $("lanes-note").textContent = "This browser has no WebAssembly SIMD: the scalar modules run.";
}

function listen() {
  $("kernels").addEventListener("change", () => update());
  $("lanes").addEventListener("change", () => load().then(() => update(), giveUp));
  $("invert").addEventListener("change", () => update());
  $("webcam").addEventListener("click", () => (camera ? stopCamera() : startCamera()));
  $("file").addEventListener("change", ({ target }) => {
    if (target.files.length > 0) openFile(target.files[0]);
    target.value = "";
  });
  const take = (transfer) => transfer.files.length > 0 ? openFile(transfer.files[0]) : tell("notice", "That is no file with a picture.");
  document.addEventListener("paste", ({ clipboardData }) => clipboardData.files.length > 0 && take(clipboardData));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    $("drop").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => event.relatedTarget || $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    take(event.dataTransfer);
  });
}

/** Loads the modules of both languages for the selected lanes. */
async function load() {
  const lanes = selected("lanes");
  for (const language of Object.keys(LANGUAGES)) {
    const name = `${language}-${lanes}`;
    if (!loaded.has(name)) loaded.set(name, await Kernels.load(name, CHANNELS * SIDE * SIDE, labels.length));
  }
}

/** Shows and classifies the source. `truth` is its class, where that is known. */
function classify(source, width, height, caption, { truth = null, fresh = true, samples = SAMPLES } = {}) {
  const exact = show($("view"), source, width, height);
  picture = { greys: shrink($("view")), exact, truth };
  $("caption").textContent = caption;
  if (fresh) {
    tell("notice", "");
    $("invert").checked = !exact && ground(picture.greys) > 127;
  }
  update({ samples });
}

/** Classifies the greys with both languages. */
function update({ samples = SAMPLES } = {}) {
  if (!picture) return;
  let greys = $("invert").checked ? inverted(picture.greys) : picture.greys;
  if (!picture.exact) greys = stretched(greys);
  paint($("seen"), greys);
  const image = input(greys);
  const results = {};
  for (const language of Object.keys(LANGUAGES)) {
    const kernels = loaded.get(`${language}-${selected("lanes")}`);
    if (!kernels) return;
    const scores = kernels.run(image);
    results[language] = { kernels, scores, best: largest(scores, 1)[0] };
  }
  // In turns, so that both see the same state of the machine.
  for (let i = 0; i < samples; i++) Object.values(results).forEach((result) => (result.ms = result.kernels.time()));
  showScores(results[selected("language")]);
  showKernels(results);
}

function showScores({ scores, best }) {
  const shares = softmax(scores);
  $("best").textContent = labels[best];
  const { truth } = picture;
  $("truth").textContent = truth === null ? "" : truth === best ? "✓ as labelled" : `✗ labelled ${labels[truth]}`;
  $("top").replaceChildren(...largest(shares, 3).map((index) => {
    const item = document.createElement("li");
    const percent = (100 * shares[index]).toFixed(1);
    item.append(part("span", "name", labels[index]), part("span", "number", `${percent} %`), part("span", "bar"));
    item.lastChild.style.setProperty("--share", shares[index]);
    return item;
  }));
}

function showKernels(results) {
  for (const [language, { kernels, best, ms }] of Object.entries(results)) {
    const cells = document.querySelectorAll(`#row-${language} td`);
    [labels[best], ms.toFixed(3), `${Math.round(kernels.bytes / 1000)} KB`].forEach((text, i) => (cells[i].textContent = text));
  }
  const { c, rust } = results;
  if (!rust) return void ($("agreement").textContent = "Rust was not built.");
  const same = c.best === rust.best;
  const difference = Math.max(...c.scores.map((score, i) => Math.abs(score - rust.scores[i])));
  $("agreement").textContent = (same ? "✓ Both name the same class. " : "✗ They name different classes. ") +
    (difference === 0 ? "Scores are equal to the bit." : `Scores differ by at most ${difference.toExponential(1)}.`);
  $("agreement").dataset.same = same;
}

function row(language, name) {
  const line = part("tr");
  line.id = `row-${language}`;
  const head = part("th");
  head.scope = "row";
  const label = part("label");
  const radio = Object.assign(part("input"), { type: "radio", name: "language", value: language });
  label.append(radio, ` ${name}`);
  head.append(label);
  line.append(head, part("td"), part("td", "number"), part("td", "number"));
  return line;
}

function addExample({ url, truth }, index) {
  const label = part("label");
  const radio = Object.assign(part("input", "hidden-input"), { type: "radio", name: "example", value: index });
  const image = Object.assign(part("img", "pixels"), { src: url, alt: `Example ${index + 1}: ${labels[truth]}`, width: 28, height: 28 });
  radio.addEventListener("click", async () => {
    stopCamera();
    await image.decode();
    classify(image, image.naturalWidth, image.naturalHeight, `Example ${index + 1}`, { truth });
  });
  label.append(radio, image);
  $("examples").append(label);
}

async function openFile(file) {
  stopCamera();
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    deselectExample();
    // A drawing may have no size of its own.
    classify(image, image.naturalWidth || 448, image.naturalHeight || 448, file.name);
  } catch {
    tell("notice", `${file.name} is no picture that this browser can read.`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

async function startCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    return tell("notice", "No webcam here: the browser offers it to pages opened as files or over https only.");
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 640 } } });
  } catch (error) {
    return tell("notice", CAMERA_ERRORS[error.name] ?? `The webcam does not start: ${error.message || error.name}.`);
  }
  const video = Object.assign(part("video"), { srcObject: stream, muted: true, playsInline: true });
  camera = stream;
  $("webcam").setAttribute("aria-pressed", "true");
  $("webcam").textContent = "Stop the webcam";
  deselectExample();
  await video.play();
  for (let fresh = true; camera === stream; fresh = false) {
    classify(video, video.videoWidth, video.videoHeight, "Webcam", { fresh, samples: 1 });
    await new Promise((resolve) => setTimeout(resolve, FRAME_MS));
  }
}

const CAMERA_ERRORS = {
  NotAllowedError: "The webcam was not allowed. Allow it for this page in the browser's settings, or choose a picture.",
  NotFoundError: "This computer has no webcam. Choose a picture instead.",
  NotReadableError: "Another program uses the webcam.",
};

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  $("webcam").setAttribute("aria-pressed", "false");
  $("webcam").textContent = "Use the webcam";
}

function deselectExample() {
  const radio = document.querySelector("input[name=example]:checked");
  if (radio) radio.checked = false;
}

/** Shows a message, or hides it where the text is empty. */
function tell(id, text) {
  $(id).textContent = text;
  $(id).hidden = text === "";
}

function part(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(text);
  return element;
}
