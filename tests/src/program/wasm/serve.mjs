// Runs compiled models for a test, as serve.rs describes: node serve.mjs program.wasm index:images...
import { readFileSync, writeSync } from "node:fs";

const [wasm, ...requests] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(wasm), {});
const { memory, place, length, infer } = instance.exports;
const input = readFileSync(0);
let at = 0;
for (const request of requests) {
  const [index, images] = request.split(":").map(Number);
  for (let image = 0; image < images; image++) {
    const bytes = input.subarray(at, (at += length(index, 0)));
    new Uint8Array(memory.buffer, place(index, 0), bytes.length).set(bytes);
    infer(index);
    let output = new Uint8Array(memory.buffer, place(index, 1), length(index, 1)).slice();
    while (output.length > 0) output = output.subarray(writeSync(1, output));
  }
}
