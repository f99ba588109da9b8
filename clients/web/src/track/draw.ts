/** Drawing of the timeline: waveforms, grid, ruler, overview and piano roll. */
import { themeColor } from "../parts/waveform";
import type { CanvasSize } from "./canvas";
import type { Grid } from "./grid";
import type { Waveform } from "./peaks";
import type { Notes } from "./song";
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

/** Lowest and highest pitch that a piano roll shows: those of the notes and at least two octaves. */
export function rollRange({ notes }: Notes): { low: number; high: number } {
  const pitches = notes.map(({ pitch }) => pitch);
  const [lowest, highest] = [Math.min(...pitches), Math.max(...pitches)];
  const extra = Math.max(0, 24 - (highest - lowest + 5)) / 2;
  return { low: lowest - 2 - Math.floor(extra), high: highest + 3 + Math.ceil(extra) };
}

/** Confidence below which a note is only an outline. */
const DOUBTFUL_NOTE = 0.56;
const BLACK_KEYS = new Set([1, 3, 6, 8, 10]);

export function drawRoll(
  context: Context,
  size: CanvasSize,
  scene: {
    readonly notes: Notes;
    readonly view: View;
    readonly grid: Grid;
    readonly waveform: Waveform | null;
    readonly color: string;
  },
): void {
  const { width, height, ratio } = size;
  const { notes, view, grid, waveform, color } = scene;
  const { low, high } = rollRange(notes);
  const row = height / (high - low);
  const top = (pitch: number): number => height - (pitch - low + 1) * row;
  for (let pitch = low; pitch < high; pitch += 1) {
    if (BLACK_KEYS.has(pitch % 12)) {
      context.fillStyle = themeColor("grid");
      context.fillRect(0, top(pitch), width, row);
    }
  }
  if (waveform) {
    context.save();
    context.globalAlpha = 0.1;
    context.fillStyle = color;
    for (let x = 0; x < width; x += 1) {
      const { high: up } = waveform.column(
        secondsAt(view, x / width),
        secondsAt(view, (x + 1) / width),
      );
      context.fillRect(x, height / 2 - up * height * 0.48, 1, up * height * 0.96);
    }
    context.restore();
  }
  drawGrid(context, size, grid, view);
  drawOctaves(context, size, { low, high, top, row });
  for (const note of notes.notes) {
    if (note.end < view.start || note.start > view.end) continue;
    const x = shareOf(view, note.start) * width;
    const wide = Math.max(2 * ratio, shareOf(view, note.end) * width - x - ratio);
    const y = top(note.pitch);
    const tall = Math.max(2 * ratio, row - 0.5 * ratio);
    context.fillStyle = context.strokeStyle = color;
    context.lineWidth = ratio;
    if (note.confidence < DOUBTFUL_NOTE) {
      context.setLineDash([2 * ratio, 2 * ratio]);
      context.strokeRect(x + ratio / 2, y + ratio / 2, wide, tall - ratio);
      context.setLineDash([]);
      continue;
    }
    context.globalAlpha = 0.55 + note.confidence * 0.45;
    context.beginPath();
    context.roundRect(x, y, wide, tall, 1.5 * ratio);
    context.fill();
    context.globalAlpha = 1;
    if (note.bends.length > 1 && wide > 22 * ratio && row > 5 * ratio)
      drawBends(context, note.bends, { x, y, wide, tall, ratio });
  }
}

function drawOctaves(
  context: Context,
  { width, ratio }: CanvasSize,
  roll: { low: number; high: number; row: number; top: (pitch: number) => number },
): void {
  context.font = `${10 * ratio}px ${themeColor("font")}`;
  for (let pitch = Math.ceil(roll.low / 12) * 12; pitch < roll.high; pitch += 12) {
    const y = roll.top(pitch) + roll.row;
    context.fillStyle = themeColor("grid2");
    context.fillRect(0, y, width, ratio);
    context.fillStyle = themeColor("fg2");
    context.fillText(`C${pitch / 12 - 1}`, 4 * ratio, y - 2 * ratio);
  }
}

function drawBends(
  context: Context,
  bends: readonly number[],
  { x, y, wide, tall, ratio }: { x: number; y: number; wide: number; tall: number; ratio: number },
): void {
  context.strokeStyle = themeColor("bg0");
  context.lineWidth = 1.2 * ratio;
  context.beginPath();
  bends.forEach((bend, index) => {
    const at = x + 3 * ratio + (index / (bends.length - 1)) * (wide - 6 * ratio);
    // A bend of a semitone reaches the edge of its note.
    const level = y + tall / 2 - Math.max(-1, Math.min(1, bend)) * tall * 0.42;
    if (index === 0) context.moveTo(at, level);
    else context.lineTo(at, level);
  });
  context.stroke();
}
