// Reads a page of `mobilenetc inspect --report` in headless Chromium: node check.mjs PAGE.html INSPECT.json [SCREENSHOTS]
// INSPECT.json is what `mobilenetc inspect --format json` says of the same model. Prints what it saw; the exit status is 1 where
// something is wrong.
import { deepEqual, equal, ok } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "../../../../examples/browser/devtools.mjs";

const [file, said, screenshots] = process.argv.slice(2);
const report = JSON.parse(readFileSync(said, "utf8"));
const thousands = (n) => n.toLocaleString("en-US");

const browser = await Browser.start([]);
try {
  const page = await browser.open(pathToFileURL(resolve(file)).href);
  await page.until("document.readyState === 'complete'");
  await totals(page);
  await arena(page);
  await keyboard(page);
  await theme(page);
  await names(page);
  await looks(page);
  deepEqual(page.errors, [], "errors of the page");
  deepEqual(page.foreign, [], "requests that leave the page");
  ok(!/\b(src|href)=["'](?!#|data:)/.test(readFileSync(file, "utf8")), "a link that leaves the page");
} finally {
  await browser.stop();
}

/** The figures at the top, and what the tables add up to. */
async function totals(page) {
  const tiles = await page.evaluate(`Object.fromEntries([...document.querySelectorAll(".tiles > div")].map((tile) =>
    [tile.querySelector("dt").textContent, tile.querySelector(".small")?.textContent]))`);
  ok(tiles["Mult-adds"].startsWith(`${thousands(report.mult_adds)} per image`), tiles["Mult-adds"]);
  equal(tiles.Parameters, thousands(report.parameters));
  ok(tiles.Weights.startsWith(`${thousands(report.weight_bytes)} bytes`), tiles.Weights);
  ok(tiles.Arena.startsWith(`${thousands(report.arena_bytes)} bytes`), tiles.Arena);
  const rows = await page.evaluate(`[...document.querySelectorAll("#stages tbody tr:not(.step)")].map((row) =>
    [...row.cells].map((cell) => cell.textContent))`);
  equal(rows.length, report.layers.length);
  const column = (at) => rows.reduce((sum, row) => sum + Number(row[at].replaceAll(",", "")), 0);
  equal(column(5), report.mult_adds);
  equal(column(7), report.parameters);
  equal(await page.evaluate(`document.querySelectorAll("#network .flow > li").length`), report.steps.length);
  equal(await page.evaluate(`document.querySelectorAll("#warnings li").length`), report.warnings.length);
  console.log(`${rows.length} layers add up to ${thousands(report.mult_adds)} mult-adds and ${thousands(report.parameters)} parameters`);
}

/** Every buffer is a rectangle that stands for its bytes and steps, on one scale. */
async function arena(page) {
  const seen = await page.evaluate(`[...document.querySelectorAll("#picture rect")].map((rect) => ({
    holds: rect.className.baseVal, bytes: rect.dataset.bytes, steps: rect.dataset.steps,
    box: ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name))) }))`);
  deepEqual(seen.map(({ holds, bytes, steps }) => [holds, bytes, steps]),
    report.buffers.map(({ holds, bytes, steps }) => [holds, bytes.join(" "), steps.join(" ")]));
  const lines = await page.evaluate(`["line.edge", "line.grid"].map((line) => Number(document.querySelector("#picture " + line).getAttribute("y1")))`);
  const [top, bottom] = lines;
  const left = Math.min(...seen.map(({ box }) => box[0]));
  const column = seen[0].box[2] / (report.buffers[0].steps[1] - report.buffers[0].steps[0] + 1);
  const near = (found, expected, what) => ok(Math.abs(found - expected) < 0.1, `${what}: ${found}, not ${expected}`);
  report.buffers.forEach(({ bytes, steps }, at) => {
    const y = (byte) => bottom - ((bottom - top) * byte) / report.arena_bytes;
    const [x, above, width, height] = seen[at].box;
    near(above, y(bytes[1]), `top of buffer ${at}`);
    near(above + height, y(bytes[0]), `bottom of buffer ${at}`);
    near(x, left + column * steps[0], `left of buffer ${at}`);
    near(width, column * (steps[1] - steps[0] + 1), `width of buffer ${at}`);
  });
  near(Math.min(...seen.map(({ box }) => box[1])), top, "top of the highest");
  console.log(`${seen.length} buffers in an arena of ${thousands(report.arena_bytes)} bytes, as planned`);
}

/** One stop of the Tab key for the picture; arrows go on from there, and each buffer says what it is. */
async function keyboard(page) {
  equal(await page.evaluate(`document.querySelectorAll("#picture [tabindex='0']").length`), 1);
  await page.evaluate(`document.querySelector("#picture [tabindex='0']").focus()`);
  if (report.buffers.length > 1) await page.press("ArrowRight", 39);
  const label = await page.evaluate("document.activeElement.getAttribute('aria-label')");
  const second = report.buffers[Math.min(1, report.buffers.length - 1)];
  ok(label.startsWith(`${second.holds}: ${second.shape};`), label);
  equal(await page.text("#buffer"), label);
  const missed = new Set(["theme", "network", "arena", "shares", "stages"]);
  for (let i = 0; i < 400 && missed.size > 0; i++) {
    await page.press("Tab", 9);
    missed.delete(await page.evaluate("document.activeElement.closest('section')?.id ?? document.activeElement.id"));
  }
  deepEqual([...missed], [], "parts that Tab misses");
  await page.evaluate(`document.getElementById("unfold").click()`);
  ok(await page.evaluate(`[...document.querySelectorAll(".flow details")].every((step) => step.open)`));
  await page.evaluate(`document.getElementById("unfold").click()`);
  console.log("all parts reached by keyboard");
}

/** The system's theme, and both others by the button. */
async function theme(page) {
  const ground = () => page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
  const scheme = (value) => page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
  await scheme("light");
  const light = await ground();
  await scheme("dark");
  const dark = await ground();
  ok(light !== dark, "one ground for both themes");
  const press = () => page.evaluate(`document.getElementById("theme").click()`);
  await press();
  equal(await ground(), light);
  await scheme("light");
  await press();
  equal(await ground(), dark);
  await press();
  equal(await ground(), light);
  console.log("light and dark, by the system and by the button");
}

async function names(page) {
  const { nodes } = await page.send("Accessibility.getFullAXTree");
  const parts = nodes.filter(({ ignored, role }) => !ignored && /^(button|image|region|table|link)$/.test(role?.value));
  ok(parts.length > 10, `${parts.length} parts with names`);
  for (const { role, name } of parts) ok(name?.value || role.value === "table", `a ${role.value} without a name`);
}

async function looks(page) {
  if (screenshots) mkdirSync(screenshots, { recursive: true });
  for (const [name, width, scheme] of [["desktop", 1280, "light"], ["desktop-dark", 1280, "dark"], ["phone", 390, "light"], ["phone-dark", 390, "dark"], ["tiny", 320, "light"]]) {
    await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
    const inner = await page.evaluate("document.documentElement.scrollWidth");
    ok(inner <= width, `${inner} pixels of content in a window of ${width}`);
    if (!screenshots) continue;
    const { data } = await page.send("Page.captureScreenshot", { captureBeyondViewport: true });
    writeFileSync(join(screenshots, `${basename(file, ".html")}-${name}.png`), Buffer.from(data, "base64"));
  }
  console.log("fits windows of 320 to 1280 pixels");
}
