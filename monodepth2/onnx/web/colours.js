// Disparities as colours, as Python colours them: from the farthest pixel to the 95th percentile, from then on the brightest.

const SHARE = 0.95;
const INERTIA = 0.95; // of a video's range of colours, so that it does not flicker

/** The disparities of the first and of the last colour. */
export function limitsOf(disp) {
  const sorted = Float32Array.from(disp).sort();
  const at = (sorted.length - 1) * SHARE;
  const low = sorted[Math.floor(at)], high = sorted[Math.ceil(at)];
  return [sorted[0], low + (at % 1) * (high - low)];
}

/** Limits of the next frame of a video, which follow slowly. */
export function follow(before, now) {
  return before ? now.map((limit, n) => INERTIA * before[n] + (1 - INERTIA) * limit) : now;
}

/** Disparities as an ImageData; `colours` are 256 of [red, green, blue]. */
export function coloured({ values, width, height }, [low, high], colours) {
  const image = new ImageData(width, height);
  const scale = 256 / Math.max(high - low, 1e-12);
  values.forEach((value, n) => {
    const colour = colours[Math.min(Math.max(Math.floor((value - low) * scale), 0), 255)];
    image.data.set(colour, 4 * n);
    image.data[4 * n + 3] = 255;
  });
  return image;
}
