// Times the modules that build.sh leaves beside the page's folder: node bench.mjs FIRST.wasm OTHER.wasm...
// They take turns. Prints each one's median, its ratio to the first, and whether its scores are equal to the bit.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

const rounds = 6000;
const warmUp = 1500;
const modules = await Promise.all(process.argv.slice(2).map(load));

for (let round = 0; round < warmUp + rounds; round++) {
  for (const { run, times } of modules) {
    const start = performance.now();
    run();
    if (round >= warmUp) times.push(performance.now() - start);
  }
}

const first = modules[0];
for (const { name, times, scores } of modules) {
  const equal = scores.every((score, i) => Object.is(score, first.scores[i]));
  const ratio = median(times) / median(first.times);
  console.log(`${name.padEnd(20)} ${median(times).toFixed(4)} ms  ${ratio.toFixed(3)}  ${equal ? "same scores" : "other scores"}`);
}

async function load(path) {
  const { instance } = await WebAssembly.instantiate(readFileSync(path));
  const { memory, input, output, run } = instance.exports;
  const image = new Float32Array(memory.buffer, input(), 3 * 64 * 64);
  image.forEach((_, i) => (image[i] = Math.sin(i * 0.37) * Math.cos(i * 0.011)));
  for (let i = 0; i < 200; i++) run();
  return { name: basename(path), run, times: [], scores: [...new Float32Array(memory.buffer, output(), 10)] };
}

function median(times) {
  return [...times].sort((a, b) => a - b)[times.length >> 1];
}
