// The exported network, run by onnxruntime-web: on the GPU where the browser lets us and the answers are right, else on
// the processor.

const RUNTIMES = [
  { name: "GPU (WebGPU)", provider: "webgpu", script: "./ort.webgpu.bundle.min.js" },
  { name: "processor (WebAssembly)", provider: "wasm", script: "./ort.wasm.bundle.min.js" },
];

export class Network {
  constructor(ort, session, facts, runsOn) {
    Object.assign(this, { ort, session, facts, runsOn });
  }

  /** Scaled disparity (1 / depth) of an input of 3 x height x width numbers, with its own size, which may be smaller. */
  async disparity(input) {
    const { height, width } = this.facts;
    const { disp } = await this.session.run({ image: new this.ort.Tensor("float32", input, [1, 3, height, width]) }, ["disp"]);
    const values = await disp.getData();
    return { values, height: disp.dims[2], width: disp.dims[3] };
  }
}

/** Open a network; `description` is model.json, `content` the bytes of model.onnx. Throws what went wrong last. */
export async function openNetwork(description, content) {
  let failure;
  for (const runtime of RUNTIMES) {
    try {
      if (runtime.provider === "webgpu" && !(await globalThis.navigator.gpu?.requestAdapter())) continue;
      return await openOn(runtime, description, content);
    } catch (error) {
      console.warn(`${runtime.name}:`, error);
      failure = error;
    }
  }
  throw failure;
}

async function openOn({ name, provider, script }, { metadata, check }, content) {
  const ort = await import(script);
  ort.env.wasm.numThreads = 1; // more need headers that plain servers do not send
  const session = await ort.InferenceSession.create(content, { executionProviders: [provider] });
  const network = new Network(ort, session, metadata, name);
  const { values } = await network.disparity(checkInput(metadata.height, metadata.width)); // warms up, too
  const step = Math.max(Math.floor(values.length / check.disp.length), 1);
  const off = check.disp.map((expected, n) => Math.abs(values[n * step] / expected - 1));
  if (!off.every((one) => one <= check.tolerance)) {
    await session.release();
    throw new Error(`the ${name} computes other depths than Python (off by ${Math.max(...off).toPrecision(2)})`);
  }
  return network;
}

/** The picture whose disparities model.json holds; `web_page.py` makes the same. */
export function checkInput(height, width) {
  const input = new Float32Array(3 * height * width);
  let n = 0;
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) input[n++] = ((7 * x + 13 * y + 85 * c) % 256) / 255;
    }
  }
  return input;
}
