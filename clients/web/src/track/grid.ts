/** Bars and beats of a song: positions in bars for people, seconds for the player. */

export interface Beat {
  readonly time: number;
  /** Position in its bar; 1 is the downbeat. */
  readonly position: number;
}

/** A position in bars counts from 1: 26.5 is the middle of bar 26. */
export class Grid {
  private constructor(
    /** Starts of the bars in seconds, with one behind the last; whole seconds if there are no beats. */
    readonly bars: readonly number[],
    /** Beats in seconds. */
    readonly beats: readonly number[],
    readonly isMusical: boolean,
  ) {}

  static of(beats: readonly Beat[], duration: number): Grid {
    const downbeats = beats.filter(({ position }) => position === 1).map(({ time }) => time);
    if (downbeats.length < 2) return Grid.#ofSeconds(duration);
    const bars = [...downbeats];
    const last = mean(bars, -1);
    while ((bars.at(-1) ?? 0) < duration) bars.push((bars.at(-1) ?? 0) + last);
    const before = mean(bars, 1);
    // A song may start with an upbeat, which belongs to a bar of its own.
    while ((bars[0] ?? 0) > before / 4) bars.unshift((bars[0] ?? 0) - before);
    return new Grid(
      bars,
      beats.map(({ time }) => time),
      true,
    );
  }

  static #ofSeconds(duration: number): Grid {
    const seconds = Array.from({ length: Math.ceil(duration) + 1 }, (_, second) => second);
    return new Grid(seconds, [], false);
  }

  /** Number of bars that hold sound. */
  count(duration: number): number {
    return this.bars.filter((start) => start < duration - 1e-6).length;
  }

  toBar(seconds: number): number {
    const index = Math.min(Math.max(0, after(this.bars, seconds) - 1), this.bars.length - 2);
    const [start = 0, end = 1] = this.bars.slice(index, index + 2);
    return index + 1 + (seconds - start) / (end - start);
  }

  toSeconds(bar: number): number {
    const index = Math.min(Math.max(0, Math.floor(bar) - 1), this.bars.length - 2);
    const [start = 0, end = 1] = this.bars.slice(index, index + 2);
    return start + (bar - 1 - index) * (end - start);
  }

  /** Return the beats, or without beats the seconds, from `start` to `end`. */
  lines(start: number, end: number): readonly number[] {
    const lines = this.beats.length > 0 ? this.beats : this.bars;
    return lines.slice(after(lines, start - 1e-6), after(lines, end));
  }

  /** Return the nearest start of a bar. */
  snap(seconds: number): number {
    return nearest(this.bars, seconds);
  }

  /** Return the beat or the bar before or after a position. */
  step(seconds: number, direction: -1 | 1, unit: "beat" | "bar"): number {
    const lines = unit === "beat" && this.beats.length > 0 ? this.beats : this.bars;
    // A little tolerance, so that a step from a line does not stay on it.
    const index = direction > 0 ? after(lines, seconds + 0.02) : after(lines, seconds - 0.08) - 1;
    return Math.max(0, lines[index] ?? (direction > 0 ? seconds : 0));
  }
}

/** Mean length of the four bars at the start (1) or the end (-1). */
function mean(bars: readonly number[], from: -1 | 1): number {
  const part = from > 0 ? bars.slice(0, 5) : bars.slice(-5);
  return ((part.at(-1) ?? 1) - (part[0] ?? 0)) / (part.length - 1);
}

/** Index of the first entry after a value. */
export function after(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nearest(sorted: readonly number[], value: number): number {
  const index = after(sorted, value);
  const [before, next] = [sorted[index - 1], sorted[index]];
  if (before === undefined) return next ?? value;
  if (next === undefined) return before;
  return value - before <= next - value ? before : next;
}

/** `26.3` as it stands in an address: bars with at most three decimals. */
export function barText(bar: number): string {
  return String(Math.round(bar * 1000) / 1000);
}

/** `bar 26.3`: the bar and the beat in it, for people. */
export function beatLabel(grid: Grid, seconds: number): string {
  const bar = grid.toBar(seconds);
  const whole = Math.floor(bar + 1e-6);
  const start = grid.toSeconds(whole);
  const beats = grid.beats.filter((beat) => beat > start + 0.02 && beat <= seconds + 0.02).length;
  return `bar ${whole}.${beats + 1}`;
}
