/** Drawing of the timeline: waveforms, grid, ruler, overview and piano roll. */
import { themeColor } from "../parts/waveform";
import type { CanvasSize } from "./canvas";
import type { Grid } from "./grid";
import type { Waveform } from "./peaks";
import { secondsAt, shareOf, type View } from "./view";

type Context = CanvasRenderingContext2D;

/** Draw a waveform in two layers of one hue: peaks at half strength, the body solid. */
export function drawWaveform(
  context: Context,
  { width, height, ratio }: CanvasSize,
  waveform: Waveform,
  view: View,
  style: { readonly color: string; readonly gain?: number },
): void {
  const middle = height / 2;
  const scale = (middle - ratio) * (style.gain ?? 0.94);
  const line = Math.max(1, ratio);
  context.fillStyle = style.color;
  const columns = Array.from({ length: width }, (_, x) =>
    waveform.column(secondsAt(view, x / width), secondsAt(view, (x + 1) / width)),
  );
  context.globalAlpha = 0.5;
  columns.forEach(({ low, high }, x) => {
    context.fillRect(x, middle - high * scale, 1, Math.max(line, (high - low) * scale));
  });
  context.globalAlpha = 1;
  columns.forEach(({ low, high, body }, x) => {
    const [up, down] = [Math.min(high, body) * scale, Math.min(-low, body) * scale];
    context.fillRect(x, middle - up, 1, Math.max(line, up + down));
  });
}

/** Draw lines at beats and bars, behind what is there. */
export function drawGrid(context: Context, size: CanvasSize, grid: Grid, view: View): void {
  const before = context.globalCompositeOperation;
  context.globalCompositeOperation = "destination-over";
  const [weak, strong] = [themeColor("grid"), themeColor("grid2")];
  const bars = new Set(grid.bars);
  const beats = grid.lines(view.start, view.end);
  const room = size.width / Math.max(1, beats.length) / size.ratio;
  for (const beat of [...beats, ...grid.bars]) {
    const isBar = bars.has(beat);
    if (beat < view.start || beat > view.end || (!isBar && room < 6)) continue;
    context.fillStyle = isBar ? strong : weak;
    context.fillRect(Math.round(shareOf(view, beat) * size.width), 0, size.ratio, size.height);
  }
  context.globalCompositeOperation = before;
}

export function drawRuler(
  context: Context,
  size: CanvasSize,
  {
    grid,
    view,
    loop,
  }: { grid: Grid; view: View; loop: { start: number; end: number; on: boolean } | null },
): void {
  const { width, height, ratio } = size;
  context.font = `${11 * ratio}px ${themeColor("font")}`;
  const x = (seconds: number): number => Math.round(shareOf(view, seconds) * width);
  const shown = grid.bars.filter((bar) => bar >= view.start - 10 && bar <= view.end);
  const every = labelEvery(shown.length, width / ratio);
  grid.bars.forEach((bar, index) => {
    if (bar < view.start - 5 || bar > view.end) return;
    const isNumbered = index % every === 0;
    context.fillStyle = themeColor("line2");
    context.fillRect(x(bar), height * (isNumbered ? 0.45 : 0.76), ratio, height);
    if (!isNumbered) return;
    context.fillStyle = themeColor(index % (every * 4) === 0 ? "fg0" : "fg2");
    const label = grid.isMusical ? String(index + 1) : clock(bar);
    context.fillText(label, x(bar) + 5 * ratio, height * 0.66);
  });
  if (every === 1) {
    context.fillStyle = themeColor("line2");
    for (const beat of grid.beats)
      if (beat >= view.start && beat <= view.end)
        context.fillRect(x(beat), height * 0.76, ratio, height);
  }
  if (loop) {
    context.fillStyle = themeColor(loop.on ? "accent" : "line2");
    context.beginPath();
    context.roundRect(x(loop.start), 0, x(loop.end) - x(loop.start), 6 * ratio, 2 * ratio);
    context.fill();
  }
}

/** Bars between two numbers, so that numbers keep 34 pixels. */
function labelEvery(bars: number, width: number): number {
  const room = (width / Math.max(1, bars)) * 1;
  return [1, 2, 4, 8, 16, 32, 64, 128].find((every) => room * every >= 34) ?? 256;
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
}

export function drawOverview(
  context: Context,
  size: CanvasSize,
  { waveform, view, duration }: { waveform: Waveform | null; view: View; duration: number },
): void {
  const { width, height, ratio } = size;
  const whole = { start: 0, end: duration };
  const [from, to] = [shareOf(whole, view.start) * width, shareOf(whole, view.end) * width];
  context.fillStyle = themeColor("bg3");
  context.fillRect(from, 0, to - from, height);
  if (waveform)
    drawWaveform(context, size, waveform, whole, { color: themeColor("wave"), gain: 0.8 });
  context.strokeStyle = themeColor("fg1");
  context.lineWidth = ratio;
  context.strokeRect(
    from + ratio / 2,
    ratio / 2,
    Math.max(ratio, to - from - ratio),
    height - ratio,
  );
}
