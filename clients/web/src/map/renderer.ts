/** Draws the points of a map with WebGL: one buffer for each attribute, moved by uniforms alone. */

import type { MapPoints } from "./points";
import { scaleOf, type Size, type View } from "./view";

/** Classes that can have a colour; all numbers above share the last. */
const MAX_CLASSES = 32;

const VERTEX = `
precision highp float;
attribute float a_x;
attribute float a_y;
attribute float a_kind;
attribute float a_chosen;
uniform vec2 u_middle;
uniform vec2 u_scale;
uniform float u_size;
uniform float u_pass;
uniform vec3 u_colours[${MAX_CLASSES}];
varying vec3 v_colour;
varying float v_size;
void main() {
  v_size = u_size;
  v_colour = u_colours[int(min(a_kind, ${MAX_CLASSES - 1}.0))];
  gl_PointSize = u_size;
  vec2 at = (vec2(a_x, a_y) - u_middle) * u_scale;
  gl_Position = abs(a_chosen - u_pass) < 0.5 ? vec4(at, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `
precision mediump float;
uniform float u_alpha;
varying vec3 v_colour;
varying float v_size;
void main() {
  float inside = (0.5 - length(gl_PointCoord - 0.5)) * v_size + 0.5;
  float alpha = u_alpha * clamp(inside, 0.0, 1.0);
  gl_FragColor = vec4(v_colour * alpha, alpha);
}`;

/** Red, green and blue, each 0 to 1. */
export type Colour = readonly [red: number, green: number, blue: number];

export interface PointStyle {
  /** Colours of the classes by number. */
  readonly colours: readonly Colour[];
  /** Colour of a sound without a class. */
  readonly other: Colour;
  /** Opacity of points that are not chosen. */
  readonly alpha: number;
}

/** Diameters in CSS pixels at zoom 1. */
const DIAMETER = 2.6;
const CHOSEN_DIAMETER = 3.6;

export class PointRenderer {
  readonly #gl: WebGLRenderingContext;
  readonly #program: WebGLProgram;
  readonly #uniforms = new Map<string, WebGLUniformLocation | null>();
  readonly #chosen: WebGLBuffer | null;
  readonly #buffers: (WebGLBuffer | null)[] = [];
  readonly #count: number;
  #hasChosen = false;

  /**
   * @returns null if the browser has no WebGL.
   */
  static create(canvas: HTMLCanvasElement, points: MapPoints): PointRenderer | null {
    const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    const program = gl && linked(gl);
    return gl && program ? new PointRenderer(gl, program, points) : null;
  }

  private constructor(gl: WebGLRenderingContext, program: WebGLProgram, points: MapPoints) {
    this.#gl = gl;
    this.#program = program;
    this.#count = points.count;
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.#attribute("a_x", points.x, gl.UNSIGNED_SHORT, true);
    this.#attribute("a_y", points.y, gl.UNSIGNED_SHORT, true);
    this.#attribute("a_kind", points.kind, gl.UNSIGNED_BYTE, false);
    const none = new Uint8Array(points.count);
    this.#chosen = this.#attribute("a_chosen", none, gl.UNSIGNED_BYTE, false);
  }

  /** Mark the points that are chosen; none marks all as equal. */
  setChosen(chosen: ArrayLike<number>): void {
    const flags = new Uint8Array(this.#count);
    for (let place = 0; place < chosen.length; place += 1) flags[chosen[place] ?? 0] = 1;
    this.#hasChosen = chosen.length > 0;
    this.#gl.bindBuffer(this.#gl.ARRAY_BUFFER, this.#chosen);
    this.#gl.bufferData(this.#gl.ARRAY_BUFFER, flags, this.#gl.DYNAMIC_DRAW);
  }

  /** Draw all points; `ratio` is the number of device pixels of a CSS pixel. */
  draw(view: View, size: Size, ratio: number, style: PointStyle): void {
    const gl = this.#gl;
    const scale = scaleOf(view, size);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.#uniform("u_middle"), view.x, view.y);
    gl.uniform2f(
      this.#uniform("u_scale"),
      (2 * scale) / Math.max(1, size.width),
      (-2 * scale) / Math.max(1, size.height),
    );
    const colours = new Float32Array(MAX_CLASSES * 3);
    for (let kind = 0; kind < MAX_CLASSES; kind += 1) {
      colours.set(style.colours[kind] ?? style.other, kind * 3);
    }
    gl.uniform3fv(this.#uniform("u_colours"), colours);
    const growth = ratio * view.zoom ** 0.45 * emphasis(this.#count);
    this.#pass(0, DIAMETER * growth, Math.min(1, style.alpha * emphasis(this.#count)));
    if (this.#hasChosen) this.#pass(1, CHOSEN_DIAMETER * growth, 0.95);
  }

  /** Free the memory of the graphics processor. */
  close(): void {
    for (const buffer of this.#buffers) this.#gl.deleteBuffer(buffer);
    this.#gl.deleteProgram(this.#program);
  }

  #pass(pass: number, diameter: number, alpha: number): void {
    const gl = this.#gl;
    gl.uniform1f(this.#uniform("u_pass"), pass);
    gl.uniform1f(this.#uniform("u_size"), Math.min(64, diameter));
    gl.uniform1f(this.#uniform("u_alpha"), alpha);
    gl.drawArrays(gl.POINTS, 0, this.#count);
  }

  #attribute(name: string, values: BufferSource, type: number, isUnit: boolean) {
    const gl = this.#gl;
    const buffer = gl.createBuffer();
    const place = gl.getAttribLocation(this.#program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 1, type, isUnit, 0, 0);
    this.#buffers.push(buffer);
    return buffer;
  }

  #uniform(name: string): WebGLUniformLocation | null {
    const known = this.#uniforms.get(name);
    if (known !== undefined) return known;
    const found = this.#gl.getUniformLocation(this.#program, name);
    this.#uniforms.set(name, found);
    return found;
  }
}

function linked(gl: WebGLRenderingContext): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type);
    if (!shader) return null;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

/** Read a colour of the theme, such as `#fcbd30`; grey if it is none. */
export function parseColour(text: string): Colour {
  const digits = /^#([0-9a-f]{6})$/i.exec(text)?.[1];
  if (digits === undefined) return [0.5, 0.5, 0.5];
  const part = (at: number): number => Number.parseInt(digits.slice(at, at + 2), 16) / 255;
  return [part(0), part(2), part(4)];
}

/** By how much points of a map are larger and denser than those of one with 20,000, at most 3. */
export function emphasis(count: number): number {
  return Math.min(3, Math.max(1, (20_000 / Math.max(1, count)) ** 0.25));
}
