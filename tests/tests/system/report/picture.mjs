// The pictures of the README: node picture.mjs PAGE.html FOLDER, of the page of examples/classify's model.
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Browser } from "../../../../examples/browser/devtools.mjs";

const [file, folder] = process.argv.slice(2);
const width = 1000;
const browser = await Browser.start([]);
try {
  const page = await browser.open(pathToFileURL(resolve(file)).href);
  await page.until("document.readyState === 'complete'");
  await page.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: "light" }] });
  await page.send("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
  await page.evaluate("document.querySelectorAll('.flow details')[1].open = true");
  const edge = (selector, side) => page.evaluate(`document.querySelector("${selector}").getBoundingClientRect().${side} + scrollY`);
  await save("report.png", 0, await edge(".flow > li:nth-child(4)", "bottom"));
  await save("report-arena.png", (await edge("#arena", "top")) - 8, await edge("#shares", "top"));

  async function save(name, from, to) {
    const clip = { x: 0, y: from, width, height: to - from, scale: 1 };
    const { data } = await page.send("Page.captureScreenshot", { captureBeyondViewport: true, clip });
    writeFileSync(join(folder, name), Buffer.from(data, "base64"));
  }
} finally {
  await browser.stop();
}
