// Depth as points in space: in the camera frame (x right, y down, z forward), as a PLY file, and drawn with WebGL2.

const NEAR_FARTHEST = 0.99; // of the farthest depth: what reaches it is sky, and is left out
const FLOATS = 4; // of a point: x, y, z, and its colour as four bytes

/**
 * The points of a prediction.
 *
 * Pixels are square, and the middle of the whole picture looks straight ahead. What is shown may be a part of it:
 * `focal` is the focal length in widths of that part, `shape` its height by its width, `centre` where the middle of the
 * whole picture lies, in widths and heights of the part from its top left corner.
 */
export function pointsOf({ disp, rgb, rgbWidth, rgbHeight, centre }, { depth_factor, max_depth }, focal, shape) {
  const { values, width, height } = disp;
  const farthest = NEAR_FARTHEST * max_depth * depth_factor;
  const buffer = new ArrayBuffer(4 * FLOATS * values.length);
  const floats = new Float32Array(buffer), bytes = new Uint8Array(buffer);
  let count = 0;
  for (let v = 0, n = 0; v < height; v++) {
    const row = Math.floor(((v + 0.5) * rgbHeight) / height);
    for (let u = 0; u < width; u++, n++) {
      const z = depth_factor / values[n];
      if (!(z < farthest)) continue;
      const x = (((u + 0.5) / width - centre[0]) * z) / focal;
      const y = (((v + 0.5) / height - centre[1]) * shape * z) / focal;
      floats.set([x, y, z], FLOATS * count);
      const pixel = 3 * (row * rgbWidth + Math.floor(((u + 0.5) * rgbWidth) / width));
      bytes.set([rgb[pixel], rgb[pixel + 1], rgb[pixel + 2], 255], 4 * (FLOATS * count + 3));
      count++;
    }
  }
  const ahead = [(0.5 - centre[0]) / focal, ((0.5 - centre[1]) * shape) / focal]; // of the part's middle, at depth 1
  return { buffer, count, ahead, spacing: Math.max(1 / width, shape / height) / focal };
}

/** Points as a binary PLY file, a Blob; `unit` is that of its numbers. */
export function plyOf({ buffer, count }, unit) {
  const header = [
    "ply",
    "format binary_little_endian 1.0",
    `comment monodepth2: camera frame, x right, y down, z forward, in ${unit}`,
    `element vertex ${count}`,
    ...["x", "y", "z"].map((name) => `property float ${name}`),
    ...["red", "green", "blue"].map((name) => `property uchar ${name}`),
    "end_header\n",
  ].join("\n");
  const body = new Uint8Array(15 * count), bytes = new Uint8Array(buffer);
  for (let n = 0; n < count; n++) body.set(bytes.subarray(16 * n, 16 * n + 15), 15 * n);
  return new Blob([header, body], { type: "application/octet-stream" });
}

const VERTEX = `#version 300 es
in vec3 position; in vec4 colour; out vec4 shown;
uniform vec4 turn; uniform vec3 pivot, eye; uniform vec2 zoom; uniform float spacing;
void main() {
  vec3 p = position - pivot; // turn is (cos, sin) of the angle about the vertical and of that about the horizontal axis
  p = vec3(turn.x * p.x - turn.y * p.z, p.y, turn.x * p.z + turn.y * p.x); // what is near follows the pointer
  p = vec3(p.x, turn.z * p.y - turn.w * p.z, turn.z * p.z + turn.w * p.y) + eye;
  float near = 0.01 * eye.z;
  gl_Position = vec4(zoom.x * p.x, -zoom.y * p.y, p.z - 2.0 * near, p.z);
  gl_PointSize = clamp(spacing * position.z / max(p.z, near), 1.0, 64.0);
  shown = colour;
}`;
const FRAGMENT = `#version 300 es
precision mediump float; in vec4 shown; out vec4 colour;
void main() { colour = shown; }`;

/** A view of points on a canvas, to be turned with a pointer or with keys. */
export class CloudView {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!this.gl) return;
    this.prepare();
    this.reset();
    this.listen();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  get isThere() {
    return Boolean(this.gl);
  }

  prepare() {
    const { gl } = this;
    this.program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    gl.useProgram(this.program);
    gl.enable(gl.DEPTH_TEST);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    const [position, colour] = ["position", "colour"].map((name) => gl.getAttribLocation(this.program, name));
    gl.enableVertexAttribArray(position);
    gl.vertexAttribPointer(position, 3, gl.FLOAT, false, 16, 0);
    gl.enableVertexAttribArray(colour);
    gl.vertexAttribPointer(colour, 4, gl.UNSIGNED_BYTE, true, 16, 12);
  }

  reset() {
    Object.assign(this, { yaw: 0.2, pitch: 0.15, away: 1.1 });
    this.draw();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) this.move(event.movementX / 200, event.movementY / 200, 1);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.move(0, 0, Math.exp(event.deltaY / 1000));
    }, { passive: false });
    const keys = {
      ArrowLeft: [-0.1, 0, 1], ArrowRight: [0.1, 0, 1], ArrowUp: [0, -0.1, 1], ArrowDown: [0, 0.1, 1],
      "+": [0, 0, 0.9], "-": [0, 0, 1 / 0.9],
    };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return; // e.g. the browser's own larger and smaller
      if (!keys[event.key] && event.key !== "Home") return;
      event.preventDefault();
      if (event.key === "Home") this.reset();
      else this.move(...keys[event.key]);
    });
  }

  move(yaw, pitch, away) {
    this.yaw += yaw;
    this.pitch = Math.min(Math.max(this.pitch + pitch, -1.5), 1.5);
    this.away = Math.min(Math.max(this.away * away, 0.2), 5);
    this.draw();
  }

  /** Show other points; the view turns about the middle of what is shown, in their middle depth. */
  show(points, focal, shape) {
    const floats = new Float32Array(points.buffer, 0, FLOATS * points.count);
    const depths = floats.filter((_, n) => n % FLOATS === 2).sort();
    Object.assign(this, { points, focal, shape, middle: depths[depths.length >> 1] || 1 });
    if (!this.gl) return;
    this.gl.bufferData(this.gl.ARRAY_BUFFER, floats, this.gl.DYNAMIC_DRAW);
    this.draw();
  }

  draw() {
    const { gl, canvas, points } = this;
    if (!points) return;
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = Math.max(Math.round(canvas.clientWidth * ratio), 1);
    canvas.height = Math.max(Math.round(canvas.clientHeight * ratio), 1);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const focal = Math.min(this.focal * canvas.width, (this.focal / this.shape) * canvas.height); // in pixels
    const uniform = (name, ...values) => gl[`uniform${values.length}f`](gl.getUniformLocation(this.program, name), ...values);
    uniform("turn", Math.cos(this.yaw), Math.sin(this.yaw), Math.cos(this.pitch), Math.sin(this.pitch));
    uniform("pivot", ...points.ahead.map((share) => share * this.middle), this.middle);
    uniform("eye", 0, 0, this.middle * this.away);
    uniform("zoom", (2 * focal) / canvas.width, (2 * focal) / canvas.height);
    uniform("spacing", 1.3 * points.spacing * focal); // a little more than from point to point, against gaps
    gl.drawArrays(gl.POINTS, 0, points.count);
  }
}
