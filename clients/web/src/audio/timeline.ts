/** Which samples of a song follow each other, with a loop that has no audible edge. */
import type { Loop, Mark } from "./messages";

/** Seconds before a loop's end in which it fades over to what leads to its start. */
export const LOOP_FADE = 0.008;

/** A run of samples; `partner` fades in over it while the run itself fades out. */
export interface Segment {
  /** First sample in the block. */
  readonly at: number;
  /** First sample in the song. */
  readonly from: number;
  readonly count: number;
  readonly fade?: {
    /** First sample of the partner; before the song it is silence. */
    readonly partner: number;
    /** Samples of the fade that lie before this run, and of the whole fade. */
    readonly done: number;
    readonly length: number;
  };
}

export interface Plan {
  readonly segments: readonly Segment[];
  /** Position behind the block. */
  readonly next: number;
  /** Samples that count; fewer than asked for at the end of the song. */
  readonly count: number;
}

/**
 * Plan the next `count` samples from a position.
 *
 * Just before the end of a loop the sound fades over to the samples that lead to its start, so that
 * the start itself is heard as it is, with its attack.
 */
export function plan(
  position: number,
  count: number,
  song: { readonly samples: number; readonly sampleRate: number; readonly loop: Loop | null },
): Plan {
  const segments: Segment[] = [];
  let [at, from] = [0, position];
  while (at < count) {
    const loop = song.loop && from < song.loop.end ? song.loop : null;
    const until = loop?.end ?? song.samples;
    if (from >= until) break;
    const fade = loop ? fadeOf(loop, song.sampleRate) : 0;
    const fadeStart = until - fade;
    const limit = loop && from < fadeStart ? fadeStart : until;
    const run = Math.min(count - at, limit - from);
    segments.push({
      at,
      from,
      count: run,
      ...(loop && from >= fadeStart
        ? {
            fade: {
              partner: loop.start - (until - from),
              done: from - fadeStart,
              length: fade,
            },
          }
        : {}),
    });
    at += run;
    from += run;
    if (loop && from === until) from = loop.start;
  }
  return { segments, next: from, count: at };
}

function fadeOf(loop: Loop, sampleRate: number): number {
  return Math.min(Math.round(LOOP_FADE * sampleRate), Math.floor((loop.end - loop.start) / 2));
}

/** Return the marks of a plan: its segments that do not follow the one before in the song. */
export function marksOf(segments: readonly Segment[]): Mark[] {
  const marks: Mark[] = [];
  let expected = -1;
  for (const { at, from, count } of segments) {
    if (from !== expected) marks.push({ at, position: from });
    expected = from + count;
  }
  return marks;
}

/** Copy samples of a source into a block as a segment says. `copy` writes silence outside the song. */
export function fill(
  target: Float32Array,
  segment: Segment,
  copy: (target: Float32Array, from: number) => void,
): void {
  const part = target.subarray(segment.at, segment.at + segment.count);
  copy(part, segment.from);
  if (!segment.fade) return;
  const { partner, done, length } = segment.fade;
  const other = new Float32Array(segment.count);
  copy(other, partner);
  for (let index = 0; index < part.length; index += 1) {
    const weight = (done + index + 0.5) / length;
    part[index] = (part[index] ?? 0) * (1 - weight) + (other[index] ?? 0) * weight;
  }
}
