// The page: pictures, videos and cameras go to the worker, and what it answers is shown.

import { CloudView, plyOf, pointsOf } from "./cloud.js";
import { coloured, follow, limitsOf } from "./colours.js";

const KITTI_FOCAL = 0.58; // in picture widths, where nothing is known of the camera: as `predict` assumes
const SAME_FOCAL = 0.03; // in picture widths
const LARGEST_PICTURE = 16e6; // pixels; some browsers draw nothing at all on a canvas with more
const OTHER_SHAPE = 1.4; // by so much another aspect

const $ = (id) => document.getElementById(id);
const worker = new Worker("worker.js", { type: "module" });
const picture = $("picture").getContext("2d", { willReadFrequently: true });
const video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true });
const cloud = new CloudView($("cloud"));
const waiting = []; // for answers of the worker, which come in order
const frame = document.createElement("canvas").getContext("2d", { alpha: false, willReadFrequently: true });

class NetworkError extends Error {}

let facts; // the metadata of the network
let colourMaps, runsOn;
let source = 0; // counts up with every new picture, video or camera, so that older ones end
let shown; // the last answer of the worker, and of the picture: the shape and the part of the width that the network saw,
// and where in it the picture's middle lies
let limits; // of its colours
let seconds; // a video's mean time from frame to frame

/* Loading */

worker.onmessage = ({ data }) => {
  if (data.kind === "progress") $("progress").value = data.share;
  else if (data.kind === "starting") say("The network is starting. This takes some seconds.");
  else if (data.kind === "ready") ready(data);
  else if (data.kind === "depth") waiting.shift().resolve(data);
  else if (facts) waiting.shift().reject(new NetworkError(data.reason));
  else refuse(data.reason);
};
worker.onerror = () => refuse("this browser is too old, use one of the last two years");

function ready({ description, runsOn: where }) {
  ({ metadata: facts, colours: colourMaps } = description);
  runsOn = where;
  $("colours").append(...Object.keys(colourMaps).map((name) => new Option(name)));
  $("file").disabled = $("camera").disabled = false;
  $("progress").hidden = true;
  document.body.classList.remove("loading");
  const focals = (facts.cameras ?? []).map(({ fx }) => fx).sort((one, other) => one - other);
  const middle = focals[focals.length >> 1]; // of cameras that differ nobody knows which one a visitor has
  const focal = focals.every((fx) => Math.abs(fx - middle) < SAME_FOCAL) ? middle : undefined;
  $("angle").value = Math.round((2 * Math.atan(0.5 / (focal ?? KITTI_FOCAL)) * 180) / Math.PI);
  $("angle-source").textContent = focal
    ? "It starts with the camera that the network was trained with. Other cameras have other angles."
    : "It starts with the angle of KITTI's camera. Set it to that of your camera; phones have about 65°.";
  const unit = facts.depth_unit === "m" ? "Depth is in metres, for the camera that the network was trained with."
    : "Depth has no unit: only ratios mean something, 4 is twice as far as 2.";
  $("facts").textContent = `Network of ${facts.program}, ${facts.width} x ${facts.height} pixels, ${facts.precision}. ` +
    `${unit} It runs on the ${runsOn}.`;
  say("The network is ready. Choose a picture or a video, or use the camera.");
}

function refuse(reason) {
  $("progress").hidden = true;
  say(`The network cannot run here: ${reason}.`, true);
}

function say(sentence, isWrong = false) {
  $("status").textContent = sentence;
  $("status").classList.toggle("wrong", isWrong);
}

/* Where pictures come from */

/** End what is shown, and return the number of the new source. */
function begin() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  $("pause").hidden = true;
  seconds = limits = undefined;
  return ++source;
}

async function openFile(file) {
  const mine = begin();
  say(`${file.name} is opened.`);
  try {
    if (file.type.startsWith("video/")) {
      video.src = URL.createObjectURL(file);
      await play(mine);
    } else {
      // colours as they are in the file, as Python reads them
      const image = await createImageBitmap(file, { colorSpaceConversion: "none" });
      if (mine === source && (await look(image, mine))) {
        say(`${file.name} took ${shown.seconds.toFixed(2)} s on the ${runsOn}.${doubts()}`);
      }
      image.close();
    }
  } catch (error) {
    failed(error, mine, `${file.name} is neither a picture nor a video that this browser can read. ` +
      "Choose a JPEG, PNG or WebP picture, or an MP4 or WebM video.");
  }
}

async function openCamera() {
  const mine = begin();
  if (!navigator.mediaDevices) {
    return say("Browsers lend the camera only to pages from https:// addresses and from this computer (localhost).", true);
  }
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (mine !== source) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    await play(mine);
  } catch (error) {
    failed(error, mine, "There is no camera, or the browser does not allow its use. Allow it beside the address, and " +
      "try again.");
  }
}

function failed(error, mine, sentence) {
  if (mine !== source) return;
  console.warn(error);
  say(error instanceof NetworkError ? `The network failed: ${error.message}. Load the page again.` : sentence, true);
}

/** Show frames of the video as fast as the network goes, until another source begins. */
async function play(mine) {
  await video.play();
  $("pause").hidden = false;
  $("pause").textContent = "Pause";
  let before = performance.now(), told = 0;
  while (mine === source) {
    await new Promise(requestAnimationFrame);
    if (video.paused || video.readyState < 2) {
      before = performance.now();
      continue;
    }
    if (!(await look(video, mine))) return;
    const now = performance.now();
    seconds = 0.9 * (seconds ?? (now - before) / 1000) + 0.1 * ((now - before) / 1000);
    before = now;
    if (now - told < 1000) continue; // screen readers read it aloud
    told = now;
    say(`${(1 / seconds).toPrecision(2)} pictures per second on the ${runsOn}.${doubts()}`);
  }
}

/** Predict what an image or a video shows now, and show it; false where another source has begun meanwhile. */
async function look(image, mine) {
  const fullWidth = image.videoWidth ?? image.width, fullHeight = image.videoHeight ?? image.height;
  const scale = Math.min(1, Math.sqrt(LARGEST_PICTURE / (fullWidth * fullHeight)));
  const width = Math.round(scale * fullWidth), height = Math.round(scale * fullHeight);
  Object.assign(frame.canvas, { width, height });
  frame.drawImage(image, 0, 0, width, height);
  const answer = await predict(frame.getImageData(0, 0, width, height));
  if (mine !== source) return false;
  const [left, top, right, bottom] = answer.box;
  limits = follow(limits, limitsOf(answer.disp.values));
  const centre = [(width / 2 - left) / (right - left), (height / 2 - top) / (bottom - top)];
  shown = { ...answer, centre, shape: (bottom - top) / (right - left), part: (right - left) / width };
  picture.canvas.width = Math.round(right - left);
  picture.canvas.height = Math.round(bottom - top);
  picture.drawImage(frame.canvas, -left, -top);
  $("result").hidden = false;
  $("pair").classList.toggle("wide", shown.shape < 0.5);
  showColours();
  showCloud();
  return true;
}

/** What to say of a picture of another shape than those of the training; where that is not known, than the network's. */
function doubts() {
  if (facts.fit?.[0] === "crop") return ""; // nothing is squeezed
  const shapes = facts.cameras?.length ? facts.cameras.map(({ fx, fy }) => fx / fy) : [facts.height / facts.width];
  const isLike = (shape) => Math.max(shown.shape / shape, shape / shown.shape) < OTHER_SHAPE;
  if (shapes.some(isLike)) return "";
  return " It has another shape than the pictures that the network knows, so depth is less sure.";
}

function predict({ data, width, height }) {
  worker.postMessage({ rgba: data, width, height }, [data.buffer]);
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
}

/* What is shown and saved */

const depthAt = (n) => facts.depth_factor / shown.disp.values[n];
const inWords = (depth) => depth.toPrecision(3) + (facts.depth_unit === "m" ? " m" : "");

function showColours() {
  const { width, height, values } = shown.disp;
  const canvas = $("depth");
  Object.assign(canvas, { width, height });
  canvas.style.aspectRatio = 1 / shown.shape;
  canvas.getContext("2d").putImageData(coloured(shown.disp, limits, colourMaps[$("colours").value]), 0, 0);
  const depths = values.reduce(([least, most], value) => [Math.max(least, value), Math.min(most, value)], [0, Infinity]);
  const [nearest, farthest] = depths.map((disp) => inWords(facts.depth_factor / disp));
  const middle = inWords(depthAt(Math.floor(height / 2) * width + Math.floor(width / 2)));
  $("range").textContent = `Depth from ${nearest} to ${farthest}; ${middle} in the middle. Bright is near.`;
}

function showDepthAt(event) {
  const { width, height } = shown.disp;
  const area = event.target.getBoundingClientRect();
  const u = Math.floor(((event.clientX - area.left) / area.width) * width);
  const v = Math.floor(((event.clientY - area.top) / area.height) * height);
  if (u >= 0 && u < width && v >= 0 && v < height) {
    $("range").textContent = `Depth here: ${inWords(depthAt(v * width + u))}.`;
  }
}

/** The focal length, in widths of the part of the picture that is shown. */
function focalLength() {
  return 0.5 / Math.tan(($("angle").value * Math.PI) / 360) / shown.part;
}

const points = () => pointsOf(shown, facts, focalLength(), shown.shape);

function showCloud() {
  $("angle-shown").textContent = `${$("angle").value}°`;
  if (cloud.isThere) cloud.show(points(), focalLength(), shown.shape);
}

/** The colours at the picture's size. */
async function png() {
  const canvas = new OffscreenCanvas(picture.canvas.width, picture.canvas.height);
  canvas.getContext("2d").drawImage($("depth"), 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/png" });
}

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/* What the visitor does */

$("file").addEventListener("change", (event) => {
  if (event.target.files[0]) openFile(event.target.files[0]);
  event.target.value = ""; // the same file may be chosen again
});
$("camera").addEventListener("click", openCamera);
$("pause").addEventListener("click", () => {
  const pausing = !video.paused;
  pausing ? video.pause() : video.play();
  $("pause").textContent = pausing ? "Go on" : "Pause";
});
$("colours").addEventListener("change", showColours);
$("depth").addEventListener("pointermove", showDepthAt);
$("depth").addEventListener("pointerleave", showColours);
$("angle").addEventListener("input", showCloud);
$("save-png").addEventListener("click", async () => save(await png(), "depth.png"));
$("save-ply").addEventListener("click", () => {
  save(plyOf(points(), facts.depth_unit === "m" ? "metres" : "an arbitrary unit"), "points.ply");
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dragging", kind === "dragover");
    const file = event.dataTransfer?.files[0];
    if (kind === "drop" && file && facts) openFile(file);
  });
}
if (!cloud.isThere) $("cloud").replaceWith("This browser draws no 3D views (WebGL2 is missing).");
