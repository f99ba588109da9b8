/** Draws waveforms of lists on canvases. */

import { amplitudeOf, COLUMNS, type MiniWaveform } from "./waveforms";

/** Colours of the theme as canvases take them. */
export interface Palette {
  readonly wave: string;
  readonly current: string;
  readonly accent: string;
  readonly line: string;
  readonly faint: string;
}

export interface DrawOptions {
  readonly palette: Palette;
  readonly colour: string;
  /** The share that has been played, 0 to 1; it is drawn in the accent. */
  readonly played: number;
}

/** Exponent that makes quiet tails visible in small waveforms. */
const CURVE = 0.68;
const CURVED = Float32Array.from({ length: 256 }, (_, byte) => amplitudeOf(byte) ** CURVE);
const PEAK_ALPHA = 0.5;

/** Read the theme's colours. */
export function readPalette(): Palette {
  if (matchMedia("(forced-colors: active)").matches) {
    const text = "CanvasText";
    return { wave: text, current: text, accent: "Highlight", line: "GrayText", faint: "GrayText" };
  }
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    wave: token("--wave"),
    current: token("--fg1"),
    accent: token("--accent-fg"),
    line: token("--line2"),
    faint: token("--wave-dim"),
  };
}

/** Give a canvas its size in CSS pixels, at the resolution of the screen. */
export function sizeCanvas(canvas: HTMLCanvasElement, width: number, height: number): void {
  const scale = Math.max(1, devicePixelRatio);
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
}

/** Draw a mini-waveform: peaks at half strength, the RMS level solid; silence is a line. */
export function drawMini(
  canvas: HTMLCanvasElement,
  waveform: MiniWaveform,
  options: DrawOptions,
): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  const split = Math.round(Math.min(1, Math.max(0, options.played)) * width);
  const draw = (from: number, to: number, colour: string): void => {
    if (from >= to) return;
    context.fillStyle = colour;
    context.globalAlpha = PEAK_ALPHA;
    fillLayer(context, waveform, 0, from, to, width, height);
    context.globalAlpha = 1;
    fillLayer(context, waveform, 1, from, to, width, height);
  };
  draw(0, split, options.palette.accent);
  draw(split, width, options.colour);
}

/** Draw the line that stands for a waveform that is not there. */
export function drawLine(canvas: HTMLCanvasElement, colour: string): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const thickness = Math.max(1, Math.round(devicePixelRatio));
  context.clearRect(0, 0, width, height);
  context.fillStyle = colour;
  context.fillRect(0, Math.round((height - thickness) / 2), width, thickness);
}

/** Fill one layer between two columns of pixels, as one path. */
function fillLayer(
  context: CanvasRenderingContext2D,
  waveform: MiniWaveform,
  layer: 0 | 1,
  from: number,
  to: number,
  width: number,
  height: number,
): void {
  const middle = height / 2;
  const step = width / COLUMNS;
  context.beginPath();
  for (let column = Math.floor(from / step); column * step < to; column += 1) {
    const level = CURVED[waveform[2 * column + layer] ?? 0] ?? 0;
    const half = Math.max(0.5, level * (middle - 1));
    const left = Math.max(from, Math.round(column * step));
    const right = Math.min(to, Math.round((column + 1) * step));
    if (right > left) context.rect(left, middle - half, right - left, 2 * half);
  }
  context.fill();
}
