/** Which part of a song is read while thresholds change. */
import type { View } from "./view";

/** Seconds that are read at once at most. */
const MAX_SHOWN = 90;

export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The range to read for a view: with as much before and after it, so that scrolling finds notes. */
export function rangeToRead(view: View, duration: number): Range {
  const span = Math.min(view.end - view.start, MAX_SHOWN);
  const pad = Math.min(span, (MAX_SHOWN - span) / 2);
  return {
    start: Math.max(0, view.start - pad),
    end: Math.min(duration, view.start + span + pad),
  };
}

/** Whether a range holds the part of a view that is read. */
export function isRead(range: Range | null, view: View, duration: number): boolean {
  if (!range) return false;
  const end = Math.min(duration, view.end, view.start + MAX_SHOWN);
  return range.start <= view.start + 1e-6 && range.end >= end - 1e-6;
}
