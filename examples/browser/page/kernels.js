"use strict";

// The compiled models. The build writes one script per module, `embedded["c-simd"] = "<base64>"`, because a page opened
// as a file may run scripts but not fetch.
const embedded = {};

const SAMPLES = 9;
const SAMPLE_MS = 4;
const MAX_RUNS = 64;

// (func (result v128) i32.const 0 i8x16.splat)
const VECTOR_MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11);

/** Whether this browser runs WebAssembly with vectors. */
const hasVectors = () => WebAssembly.validate(VECTOR_MODULE);

/** One compiled model. */
class Kernels {
  #exports;
  #input;
  #output;
  #samples = [];
  #runs = 1;

  /** `name` is that of a built module: language and lanes. */
  static async load(name, inputLength, outputLength) {
    if (!embedded[name]) await runScript(`${name}.js`);
    const bytes = Uint8Array.from(atob(embedded[name]), (character) => character.charCodeAt(0));
    delete embedded[name];
    const { instance } = await WebAssembly.instantiate(bytes);
    return new Kernels(instance.exports, bytes.length, inputLength, outputLength);
  }

  constructor(exports, bytes, inputLength, outputLength) {
    this.bytes = bytes;
    this.#exports = exports;
    this.#input = new Float32Array(exports.memory.buffer, exports.input(), inputLength);
    this.#output = new Float32Array(exports.memory.buffer, exports.output(), outputLength);
  }

  /** The scores of an image, before softmax. */
  run(image) {
    this.#input.set(image);
    this.#exports.run();
    return this.#output.slice();
  }

  /** Milliseconds per inference of the image that ran last, measured once more: the median of the latest samples. */
  time() {
    this.#samples = [...this.#samples, this.#sample()].slice(-SAMPLES);
    return median(this.#samples);
  }

  /** Many runs, since clocks of browsers are coarse. */
  #sample() {
    for (;;) {
      const start = performance.now();
      for (let i = 0; i < this.#runs; i++) this.#exports.run();
      const elapsed = performance.now() - start;
      if (elapsed >= SAMPLE_MS || this.#runs >= MAX_RUNS) return elapsed / this.#runs;
      this.#runs *= 2;
    }
  }
}

function runScript(url) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${url} is missing: run examples/browser/build.sh and open the page it names.`));
    document.head.append(script);
  });
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Indices of the `count` largest values, largest first. */
function largest(values, count) {
  return [...values.keys()].sort((a, b) => values[b] - values[a]).slice(0, count);
}
