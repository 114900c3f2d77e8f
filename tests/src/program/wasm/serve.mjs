// Runs compiled models for a test, as serve.rs describes: node serve.mjs program.wasm index:images...
import { readFileSync, writeSync } from "node:fs";

const [wasm, ...words] = process.argv.slice(2);
const requests = words.filter((word) => word !== "depth");
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {});
const { memory, place, length, infer, depth } = instance.exports;
const input = readFileSync(0);
let at = 0;
let deepest = 0;
for (const request of requests) {
  const [index, images] = request.split(":").map(Number);
  for (let image = 0; image < images; image++) {
    const bytes = input.subarray(at, (at += length(index, 0)));
    new Uint8Array(memory.buffer, place(index, 0), bytes.length).set(bytes);
    infer(index);
    deepest = Math.max(deepest, depth());
    let output = new Uint8Array(memory.buffer, place(index, 1), length(index, 1)).slice();
    while (output.length > 0) output = output.subarray(writeSync(1, output));
  }
}
if (words[0] === "depth") writeSync(1, new Uint8Array(new Float32Array([deepest]).buffer));
