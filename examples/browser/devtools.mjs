// Chromium, driven through its DevTools protocol over two pipes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const WAIT_MS = 120_000;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", "--hide-scrollbars",
  "--use-fake-device-for-media-stream"];

/** One process with a profile of its own. */
export class Browser {
  #process;
  #profile;
  #calls = new Map();
  #listeners = [];
  #last = 0;

  static async start(flags) {
    const browser = new Browser();
    browser.#profile = mkdtempSync(join(tmpdir(), "browser-"));
    browser.#process = spawn(process.env.CHROMIUM ?? "chromium", [...FLAGS, ...flags, `--user-data-dir=${browser.#profile}`], {
      stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
    });
    browser.#process.once("error", (error) => browser.#fail(error));
    browser.#process.once("exit", (status) => browser.#fail(new Error(`Chromium ended with ${status}`)));
    browser.#process.stdio[3].on("error", (error) => browser.#fail(error));
    browser.#listen(browser.#process.stdio[4]);
    await browser.send("Browser.getVersion");
    return browser;
  }

  /** A page that records its errors, and its requests to anything but files and itself. */
  async open(url) {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.#listeners.push((message) => message.sessionId === sessionId && page.notice(message));
    for (const domain of ["Page", "Runtime", "Network", "DOM", "Log"]) await page.send(`${domain}.enable`);
    await page.send("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: -1, uploadThroughput: -1 });
    await page.send("Page.navigate", { url });
    return page;
  }

  send(method, params = {}, sessionId = undefined) {
    const id = ++this.#last;
    this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => this.#fail(new Error(`${method}: no answer in ${WAIT_MS} ms`)), WAIT_MS);
      const settle = (how) => (value) => {
        clearTimeout(late);
        how(value);
      };
      this.#calls.set(id, { method, resolve: settle(resolve), reject: settle(reject) });
    });
  }

  async stop() {
    const ended = once(this.#process, "exit");
    this.#process.kill();
    await ended;
    try {
      rmSync(this.#profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });
    } catch {
      // Chromium's other processes still write; what they leave is the temporary folder's.
    }
  }

  #listen(pipe) {
    let rest = "";
    pipe.setEncoding("utf8").on("data", (chunk) => {
      const messages = (rest + chunk).split("\0");
      rest = messages.pop();
      messages.map((text) => JSON.parse(text)).forEach((message) => this.#receive(message));
    });
  }

  #receive(message) {
    const call = this.#calls.get(message.id);
    if (!call) return this.#listeners.forEach((listener) => listener(message));
    this.#calls.delete(message.id);
    if (message.error) call.reject(new Error(`${call.method}: ${message.error.message}`));
    else call.resolve(message.result);
  }

  #fail(error) {
    this.#calls.forEach(({ reject }) => reject(error));
    this.#calls.clear();
  }
}

class Page {
  errors = [];
  foreign = [];

  constructor(browser, session) {
    this.browser = browser;
    this.send = (method, params) => browser.send(method, params, session);
  }

  notice({ method, params }) {
    if (method === "Runtime.exceptionThrown") this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Log.entryAdded" && params.entry.level === "error") this.errors.push(params.entry.text);
    if (method === "Network.requestWillBeSent" && !/^(file|data|blob):/.test(params.request.url)) this.foreign.push(params.request.url);
  }

  async evaluate(expression) {
    const answer = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (answer.exceptionDetails) throw new Error(`${expression}: ${answer.exceptionDetails.exception?.description}`);
    return answer.result.value;
  }

  text(selector) {
    return this.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  }

  async until(condition) {
    for (const end = Date.now() + WAIT_MS; !(await this.evaluate(condition).catch(() => false)); await sleep(20)) {
      if (Date.now() > end) throw new Error(`${condition} did not come true; errors: ${this.errors.join("; ") || "none"}`);
    }
  }

  async choose(selector, file) {
    const { root } = await this.send("DOM.getDocument");
    const { nodeId } = await this.send("DOM.querySelector", { nodeId: root.nodeId, selector });
    await this.send("DOM.setFileInputFiles", { nodeId, files: [file] });
  }

  async press(key, code) {
    for (const type of ["keyDown", "keyUp"]) await this.send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode: code });
  }

  permit(name, setting) {
    return this.browser.send("Browser.setPermission", { permission: { name }, setting });
  }
}
