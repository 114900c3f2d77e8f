"use strict";

// From pictures to the model's input, as it was trained: a light garment on black ground, grey, 28 x 28, enlarged
// bilinearly to 64 x 64 (half-pixel centres), three equal channels of byte / 127.5 - 1.
const TRAINED_SIDE = 28;
const SIDE = 64;
const CHANNELS = 3;

/** Fills the canvas with the square middle of a picture. Returns whether it is one the model was trained on. */
function show(canvas, source, width, height) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const side = Math.min(width, height);
  const exact = width === TRAINED_SIDE && height === TRAINED_SIDE;
  context.imageSmoothingEnabled = !exact;
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, canvas.width, canvas.height);
  return exact;
}

/** 28 x 28 greys: means of the canvas's blocks. */
function shrink(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const block = canvas.width / TRAINED_SIDE;
  const sums = new Float32Array(TRAINED_SIDE * TRAINED_SIDE);
  for (let y = 0; y < canvas.height; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const at = 4 * (y * canvas.width + x);
      const grey = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      sums[Math.floor(y / block) * TRAINED_SIDE + Math.floor(x / block)] += grey;
    }
  }
  return Uint8ClampedArray.from(sums, (sum) => sum / (block * block));
}

/** The grey of the ground: the median along the border. */
function ground(greys) {
  const last = TRAINED_SIDE - 1;
  const onBorder = (_, i) => i % TRAINED_SIDE % last === 0 || Math.floor(i / TRAINED_SIDE) % last === 0;
  return median(greys.filter(onBorder));
}

const inverted = (greys) => greys.map((grey) => 255 - grey);

/** Makes the ground black and the lightest spot white. */
function stretched(greys) {
  const black = ground(greys);
  const range = Math.max(...greys) - black;
  return range < 16 ? greys : greys.map((grey) => ((grey - black) * 255) / range);
}

/** Draws greys on a canvas of their size. */
function paint(canvas, greys) {
  const image = new ImageData(TRAINED_SIDE, TRAINED_SIDE);
  greys.forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The model's input, NCHW. */
function input(greys) {
  const taps = Array.from({ length: SIDE }, (_, i) => tap(i));
  const plane = new Float32Array(SIDE * SIDE);
  taps.forEach((row, y) => taps.forEach((column, x) => {
    const along = (line) => mix(greys[line * TRAINED_SIDE + column.first], greys[line * TRAINED_SIDE + column.second], column.share);
    plane[y * SIDE + x] = mix(along(row.first), along(row.second), row.share) / 127.5 - 1;
  }));
  const image = new Float32Array(CHANNELS * plane.length);
  for (let channel = 0; channel < CHANNELS; channel++) image.set(plane, channel * plane.length);
  return image;
}

function tap(to) {
  const position = Math.max(0, ((to + 0.5) * TRAINED_SIDE) / SIDE - 0.5);
  const first = Math.floor(position);
  return { first, second: Math.min(first + 1, TRAINED_SIDE - 1), share: position - first };
}

const mix = (first, second, share) => first * (1 - share) + second * share;
