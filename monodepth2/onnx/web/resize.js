// Pictures at the network's size, digit for digit as Pillow's LANCZOS filter makes them for the network in Python; only
// where Pillow takes its two passes in the other order (some upright pictures) values differ by up to 3 of 255.
// A browser's own resizing averages differently, and networks of depth notice.

const LOBES = 3;
const ONE = 2 ** 22; // Pillow's weights are whole numbers of this unit, and it rounds after each of two passes

function sinc(x) {
  return x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI);
}

/** For each of `count` pixels of a line: the first pixel of the source that counts, and the weights of it and the next. */
function weightsOf(size, from, to, count) {
  const scale = Math.fround(to - from) / count;
  const stretch = Math.max(scale, 1);
  const support = LOBES * stretch;
  return Array.from({ length: count }, (_, n) => {
    const centre = from + (n + 0.5) * scale;
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), size);
    const values = Array.from({ length: end - first }, (_, k) => {
      const x = (k + first - centre + 0.5) * (1 / stretch);
      return -LOBES <= x && x < LOBES ? sinc(x) * sinc(x / LOBES) : 0;
    });
    const sum = values.reduce((a, b) => a + b, 0);
    return { first, weights: Int32Array.from(values, (w) => Math.trunc((w / sum) * ONE + (w < 0 ? -0.5 : 0.5))) };
  });
}

/** Resize along lines: pixel n of line m lies at `step * n + stride * m` in the source and in the target alike. */
function pass(source, target, lines, kernels, sourceStep, sourceStride, targetStep, targetStride) {
  kernels.forEach(({ first, weights }, n) => {
    for (let line = 0; line < lines; line++) {
      let at = first * sourceStep + line * sourceStride;
      let red = ONE / 2, green = ONE / 2, blue = ONE / 2;
      for (let k = 0; k < weights.length; k++, at += sourceStep) {
        const weight = weights[k];
        red += weight * source[at];
        green += weight * source[at + 1];
        blue += weight * source[at + 2];
      }
      const to = n * targetStep + line * targetStride;
      target[to] = Math.floor(red / ONE); // target clamps to 0..255
      target[to + 1] = Math.floor(green / ONE);
      target[to + 2] = Math.floor(blue / ONE);
    }
  });
}

/** Resize the part `box` (left, top, right, bottom) of an RGBA picture; returns RGB, row by row, 3 bytes a pixel. */
export function resize(rgba, width, height, box, newWidth, newHeight) {
  const [left, top, right, bottom] = box.map(Math.fround);
  const narrow = new Uint8ClampedArray(newWidth * height * 3);
  const small = new Uint8ClampedArray(newWidth * newHeight * 3);
  pass(rgba, narrow, height, weightsOf(width, left, right, newWidth), 4, 4 * width, 3, 3 * newWidth);
  const row = 3 * newWidth;
  pass(narrow, small, newWidth, weightsOf(height, top, bottom, newHeight), row, 3, row, 3);
  return small;
}

/** The part of a picture that the network looks at; `fit` is the metadata's: null, or its kind and the share cut at the top. */
export function boxOf(width, height, newWidth, newHeight, fit) {
  const [kind, share] = fit ?? ["stretch", 0.5];
  if (kind === "stretch" || width * newHeight === height * newWidth) return [0, 0, width, height];
  const keptWidth = Math.min(width, (height * newWidth) / newHeight);
  const keptHeight = Math.min(height, (width * newHeight) / newWidth);
  const left = (width - keptWidth) / 2, top = (height - keptHeight) * share;
  return [left, top, Math.min(left + keptWidth, width), Math.min(top + keptHeight, height)];
}

/** RGB of 8 bits as the network's input: three planes of numbers from 0 to 1. */
export function inputOf(rgb) {
  const pixels = rgb.length / 3;
  const input = new Float32Array(rgb.length);
  for (let n = 0; n < pixels; n++) {
    for (let c = 0; c < 3; c++) input[c * pixels + n] = rgb[3 * n + c] / 255;
  }
  return input;
}
