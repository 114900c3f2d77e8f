// Runs a model on each input in input.bin and writes what comes out to output.bin.
import { readFileSync, writeFileSync } from "node:fs";

const { instance } = await WebAssembly.instantiate(readFileSync("program"), {});
const { memory, input, inputs, output, outputs, infer } = instance.exports;
const given = readFileSync("input.bin");
const parts = [];
for (let at = 0; at + inputs() <= given.length; at += inputs()) {
  new Uint8Array(memory.buffer, input(), inputs()).set(given.subarray(at, at + inputs()));
  const failed = infer();
  if (failed) process.exit(failed);
  parts.push(Buffer.from(new Uint8Array(memory.buffer, output(), outputs())));
}
writeFileSync("output.bin", Buffer.concat(parts));
