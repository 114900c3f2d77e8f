// Uses the built page in headless Chromium as a visitor would: node check.mjs FOLDER [SCREENSHOTS]
// CHROMIUM names the browser. Prints what it saw; the exit status is 1 where something is wrong.
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Browser } from "./devtools.mjs";

const [folder, screenshots] = process.argv.slice(2);
const pictures = join(dirname(fileURLToPath(import.meta.url)), "../classify/pictures");
const address = pathToFileURL(resolve(folder, "index.html")).href;
const labels = readFileSync(join(pictures, "labels.txt"), "utf8").trim().split("\n");
const best = expectedClasses();

await visit([], async (page) => {
  equal(await page.evaluate("selected('lanes')"), "simd");
  await everyExample(page);
  await bothSwitches(page);
  await files(page);
  await keyboard(page);
  await names(page);
  await webcam(page);
  await looks(page);
  deepEqual(page.foreign, [], "requests that leave the page");
});
await visit(["--js-flags=--noenable-sse4-1"], async (page) => {
  deepEqual(await page.evaluate("[selected('lanes'), document.querySelector('[value=simd]').disabled]"), ["scalar", true]);
  match(await page.text("#lanes-note"), /no WebAssembly SIMD/);
  equal((await example(page, 1)).label, labels[best("001.png")]);
  console.log("without SIMD: the scalar modules run");
});
await unbuilt();

async function visit(flags, use) {
  const browser = await Browser.start(flags);
  try {
    const page = await browser.open(address);
    await page.until("document.querySelector('#best').textContent !== 'Loading…'");
    await use(page);
    deepEqual(page.errors, [], "errors of the page");
  } finally {
    await browser.stop();
  }
}

async function unbuilt() {
  const browser = await Browser.start([]);
  try {
    const page = await browser.open(new URL("page/index.html", import.meta.url).href);
    await page.until(`!$("problem").hidden`);
    match(await page.text("#problem"), /not built yet: run examples\/browser\/build\.sh/);
    equal(await page.text("#best"), "");
  } finally {
    await browser.stop();
  }
}

/** What the page says, its figures checked. */
async function result(page) {
  const seen = await page.evaluate(`({
    label: $("best").textContent,
    truth: $("truth").textContent,
    caption: $("caption").textContent,
    inverted: $("invert").checked,
    top: [...document.querySelectorAll("#top li")].map((item) => item.innerText.split("\\n")),
    rows: [...document.querySelectorAll("#kernels tr")].map((line) => [...line.cells].map((cell) => cell.textContent.trim())),
    agreement: $("agreement").textContent,
  })`);
  equal(seen.top.length, 3);
  equal(seen.top[0][0], seen.label);
  deepEqual(seen.rows.map(([name, label]) => [name, label]), [["C", seen.label], ["Rust", seen.label]]);
  for (const [name, , ms] of seen.rows) ok(Number(ms) > 0, `${name}: ${ms} ms`);
  match(seen.agreement, /^✓ Both name the same class/);
  return seen;
}

async function example(page, index) {
  await page.evaluate(`document.querySelectorAll("[name=example]")[${index}].click()`);
  await page.until(`$("caption").textContent === "Example ${index + 1}"`);
  return result(page);
}

async function everyExample(page) {
  const names = await page.evaluate("examples.map(({ name }) => name)");
  equal(names.length, 20);
  let right = 0;
  for (const [index, name] of names.entries()) {
    const { label, truth } = await example(page, index);
    equal(label, labels[best(name)], name);
    right += truth.startsWith("✓");
  }
  ok(right >= 18, `${right} of 20 examples are as labelled`);
  console.log(`${right} of 20 examples as labelled, all as onnxruntime has them`);
}

async function bothSwitches(page) {
  const { label } = await example(page, 0);
  for (const lanes of ["simd", "scalar"]) {
    await page.evaluate(`document.querySelector("[value=${lanes}]").click()`);
    await page.until(`loaded.has("rust-${lanes}")`);
    for (const language of ["rust", "c"]) {
      await page.evaluate(`document.querySelector("[value=${language}]").click()`);
      equal((await result(page)).label, label);
    }
    const { rows, agreement } = await result(page);
    console.log(`${lanes}: ${rows.map(([name, , ms, size]) => `${name} ${ms} ms, ${size}`).join("; ")}. ${agreement}`);
  }
  await page.evaluate(`document.querySelector("[value=simd]").click()`);
}

async function files(page) {
  for (const name of ["100.png", "101.png", "102.png"]) {
    await page.choose("#file", join(pictures, name));
    await page.until(`$("caption").textContent === "${name}"`);
    const { label, inverted } = await result(page);
    deepEqual([label, inverted], [labels[best(name)], false], name);
  }
  for (const index of [2, 16]) {
    await example(page, index);
    await page.evaluate(dropPhotograph(`photograph-${index}.jpg`));
    await page.until(`$("caption").textContent === "photograph-${index}.jpg"`);
    const { label, inverted } = await result(page);
    const name = await page.evaluate(`examples[${index}].name`);
    deepEqual([label, inverted], [labels[best(name)], true], `${name} as a photograph`);
  }
  await page.choose("#file", join(pictures, "labels.txt"));
  await page.until(`!$("notice").hidden`);
  match(await page.text("#notice"), /labels\.txt is no picture/);
  console.log("files chosen and dropped, light ground inverted, a file that is no picture refused");
}

/** The picture on show, dark on a light ground of another shape, as a JPEG that falls onto the page. */
function dropPhotograph(name) {
  return `(async () => {
    const photograph = Object.assign(document.createElement("canvas"), { width: 800, height: 600 });
    const context = photograph.getContext("2d");
    context.filter = "invert(1) contrast(0.7)";
    context.fillRect(0, 0, 800, 600);
    context.drawImage($("view"), 100, 0, 600, 600);
    const blob = await new Promise((resolve) => photograph.toBlob(resolve, "image/jpeg"));
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File([blob], "${name}", { type: "image/jpeg" }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  })()`;
}

async function keyboard(page) {
  await example(page, 0);
  await page.evaluate(`document.querySelector("[name=example]").focus()`);
  await page.press("ArrowRight", 39);
  await page.until(`$("caption").textContent === "Example 2"`);
  const stops = new Set();
  for (let i = 0; i < 30; i++) {
    await page.press("Tab", 9);
    stops.add(await page.evaluate("document.activeElement.id || document.activeElement.name || ''"));
  }
  for (const stop of ["file", "webcam", "invert", "example", "lanes", "language"]) ok(stops.has(stop), `Tab misses ${stop}`);
  console.log("all controls reached by keyboard");
}

async function names(page) {
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  const controls = nodes.filter(({ ignored, role }) => !ignored && /^(button|radio|checkbox|image|table|list)$/.test(role?.value));
  ok(controls.length > 25, `${controls.length} controls and pictures`);
  for (const { role, name } of controls) ok(name?.value, `a ${role.value} without a name`);
}

async function webcam(page) {
  await page.permit("camera", "granted");
  await page.evaluate(`$("webcam").click()`);
  await page.until(`$("caption").textContent === "Webcam"`);
  await result(page);
  await page.evaluate(`$("webcam").click()`);
  equal(await page.text("#webcam"), "Use the webcam");

  await page.permit("camera", "denied");
  await page.evaluate(`$("webcam").click()`);
  await page.until(`!$("notice").hidden`);
  match(await page.text("#notice"), /not allowed/);

  await page.evaluate(`tell("notice", ""); navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "NotFoundError"))`);
  await page.evaluate(`$("webcam").click()`);
  await page.until(`!$("notice").hidden`);
  match(await page.text("#notice"), /no webcam/);
  console.log("webcam: classifies, and says where it is denied or absent");
}

async function looks(page) {
  await example(page, 0);
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  for (const [name, width, scheme] of [["wide", 1100, "light"], ["dark", 1100, "dark"], ["middle", 760, "light"], ["phone", 390, "light"], ["narrow", 360, "dark"], ["tiny", 320, "light"]]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
    const inner = await page.evaluate("document.documentElement.scrollWidth");
    ok(inner <= width, `${inner} pixels of content in a window of ${width}`);
    if (!screenshots) continue;
    const { data } = await page.send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(join(screenshots, `${name}.png`), Buffer.from(data, "base64"));
  }
  console.log("fits windows of 320 to 1100 pixels");
}

/** By name of a picture, the class that onnxruntime gives it. */
function expectedClasses() {
  const npy = readFileSync(join(pictures, "expected_logits.npy"));
  const data = npy.subarray(10 + npy.readUInt16LE(8));
  return (name) => {
    const scores = labels.map((_, i) => data.readFloatLE(4 * (Number.parseInt(name) * labels.length + i)));
    return scores.indexOf(Math.max(...scores));
  };
}
