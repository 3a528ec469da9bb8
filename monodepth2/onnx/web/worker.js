// Computes in the background, so that the page answers meanwhile.

import { openNetwork } from "./network.js";
import { boxOf, inputOf, resize } from "./resize.js";

let network;

/** Fetch model.json and model.onnx, and open the network. */
async function open() {
  const description = await (await fetched("model.json", { cache: "no-cache" })).json();
  // the name changes with the network, so that no cache hands out an older one
  const response = await fetched(`model.onnx?${description.sha256.slice(0, 16)}`);
  const content = new Uint8Array(description.bytes);
  let length = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (length + value.length > content.length) throw new Error("model.onnx is longer than model.json says");
    content.set(value, length);
    length += value.length;
    postMessage({ kind: "progress", share: length / content.length });
  }
  if (length !== content.length) throw new Error("model.onnx is shorter than model.json says");
  postMessage({ kind: "starting" });
  network = await openNetwork(description, content);
  postMessage({ kind: "ready", description, runsOn: network.runsOn });
}

async function fetched(name, options) {
  const response = await fetch(name, options);
  if (!response.ok) throw new Error(`the server has no ${name} (HTTP ${response.status})`);
  return response;
}

/** Answer a picture, RGBA, with its disparity and its RGB, both at the network's size. */
async function predict({ rgba, width, height }) {
  const start = performance.now();
  const facts = network.facts;
  const box = boxOf(width, height, facts.width, facts.height, facts.fit);
  const rgb = resize(rgba, width, height, box, facts.width, facts.height);
  const disp = await network.disparity(inputOf(rgb));
  const seconds = (performance.now() - start) / 1000;
  postMessage({ kind: "depth", disp, rgb, rgbWidth: facts.width, rgbHeight: facts.height, box, seconds });
}

async function tell(work) {
  try {
    await work;
  } catch (error) {
    postMessage({ kind: "failure", reason: error?.message ?? String(error) });
  }
}

onmessage = ({ data }) => tell(predict(data));
tell(open());
