/** Drawing of waveforms on a canvas. */
import type { Peaks } from "../audio/player";

export interface WaveStyle {
  readonly color: string;
  /** Color of the part before `played`. */
  readonly playedColor?: string;
  /** Share that has been played, 0…1. */
  readonly played?: number;
  /** Exponent of the amplitude: 1 is linear, 0.68 shows the tails of mini waveforms. */
  readonly power?: number;
}

const FORCED_COLORS = window.matchMedia("(forced-colors: active)");

/** Return the value of a custom property of the theme, such as `wave`; the system's if it forces its own. */
export function themeColor(name: string): string {
  if (FORCED_COLORS.matches) return name.startsWith("accent") ? "Highlight" : "CanvasText";
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Fit a canvas to its box in device pixels and clear it; `null` while it has no size. */
export function clearCanvas(canvas: HTMLCanvasElement): CanvasRenderingContext2D | null {
  const ratio = Math.max(1, window.devicePixelRatio);
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (width === 0 || height === 0) return null;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  context?.clearRect(0, 0, width, height);
  return context;
}

/** Draw peaks over the whole canvas; silence is a line of one pixel, never a gap. */
export function drawWave(canvas: HTMLCanvasElement, peaks: Peaks, style: WaveStyle): void {
  const context = clearCanvas(canvas);
  if (!context) return;
  const { width, height } = canvas;
  const columns = peaks.high.length;
  const middle = height / 2;
  const power = style.power ?? 1;
  const playedTo = (style.played ?? 0) * width;
  for (let x = 0; x < width; x += 1) {
    const from = Math.floor((x / width) * columns);
    const to = Math.max(from + 1, Math.floor(((x + 1) / width) * columns));
    let low = 0;
    let high = 0;
    for (let column = from; column < to && column < columns; column += 1) {
      low = Math.min(low, peaks.low[column] ?? 0);
      high = Math.max(high, peaks.high[column] ?? 0);
    }
    const top = Math.abs(high) ** power * (middle - 1);
    const bottom = Math.abs(low) ** power * (middle - 1);
    context.fillStyle = x < playedTo ? (style.playedColor ?? style.color) : style.color;
    context.fillRect(x, middle - top, 1, Math.max(1, top + bottom));
  }
}

/** Draw the line of a sound that has no waveform yet. */
export function drawLine(canvas: HTMLCanvasElement, color: string): void {
  const context = clearCanvas(canvas);
  if (!context) return;
  context.fillStyle = color;
  context.fillRect(0, Math.floor(canvas.height / 2), canvas.width, Math.max(1, devicePixelRatio));
}
