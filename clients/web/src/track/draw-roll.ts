/** Drawing of the piano roll. */
import { themeColor } from "../parts/waveform";
import type { CanvasSize } from "./canvas";
import { drawGrid } from "./draw";
import type { Grid } from "./grid";
import type { Waveform } from "./peaks";
import type { Note } from "./song";
import { secondsAt, shareOf, type View } from "./view";

type Context = CanvasRenderingContext2D;

/** Lowest pitch that a roll shows, and one past the highest. */
export interface RollRange {
  readonly low: number;
  readonly high: number;
}

/** Return the range of a roll: that of the notes and at least two octaves. */
export function rollRange(notes: readonly Note[]): RollRange {
  const pitches = notes.map(({ pitch }) => pitch);
  const lowest = pitches.reduce((low, pitch) => Math.min(low, pitch), notes.length > 0 ? 127 : 55);
  const highest = pitches.reduce((high, pitch) => Math.max(high, pitch), notes.length > 0 ? 0 : 65);
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
    readonly notes: readonly Note[];
    /** Indices of the notes that are selected. */
    readonly selected: ReadonlySet<number>;
    readonly range: RollRange;
    readonly view: View;
    readonly grid: Grid;
    readonly waveform: Waveform | null;
    readonly color: string;
  },
): void {
  const { width, height, ratio } = size;
  const { notes, selected, view, grid, waveform, color } = scene;
  const { low, high } = scene.range;
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
  for (const [index, note] of notes.entries()) {
    if (note.end < view.start || note.start > view.end) continue;
    const x = shareOf(view, note.start) * width;
    const wide = Math.max(2 * ratio, shareOf(view, note.end) * width - x - ratio);
    const y = top(note.pitch);
    const tall = Math.max(2 * ratio, row - 0.5 * ratio);
    const isSelected = selected.has(index);
    context.fillStyle = context.strokeStyle = isSelected ? themeColor("accent-fg") : color;
    context.lineWidth = ratio;
    if (note.confidence < DOUBTFUL_NOTE) {
      context.setLineDash([2 * ratio, 2 * ratio]);
      context.strokeRect(x + ratio / 2, y + ratio / 2, wide, tall - ratio);
      context.setLineDash([]);
      continue;
    }
    // The machine's notes are as strong as they are sure, the user's as they are loud.
    const strength = note.confidence === 1 ? note.velocity / 127 : note.confidence;
    context.globalAlpha = isSelected ? 1 : 0.55 + strength * 0.45;
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
