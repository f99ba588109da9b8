/** Edits of chords and sections: what stands at a time is split, added or removed. */

interface Entry {
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
}

/** Shortest entry that a split leaves, in seconds. */
export const MIN_ENTRY = 0.1;

/** Return the entry at a time, or `undefined`. */
export function entryAt<T extends Entry>(lane: readonly T[], at: number): T | undefined {
  return lane.find(({ start, end }) => start <= at && at < end);
}

/**
 * Split the entry at a time; where there is none, add `fresh` up to the next one.
 * Returns `null` if a part would be too short.
 */
export function splitLane<T extends Entry>(
  lane: readonly T[],
  at: number,
  fresh: Omit<T, "start" | "end" | "confidence">,
  duration: number,
): T[] | null {
  const here = entryAt(lane, at);
  if (here) {
    if (at - here.start < MIN_ENTRY || here.end - at < MIN_ENTRY) return null;
    const parts = [
      { ...here, end: at, confidence: 1 },
      { ...here, start: at, confidence: 1 },
    ];
    return lane.flatMap((entry) => (entry === here ? parts : [entry]));
  }
  const next = lane.find(({ start }) => start > at);
  const end = next?.start ?? duration;
  if (end - at < MIN_ENTRY) return null;
  const added = { ...fresh, start: at, end, confidence: 1 } as T;
  return [...lane, added].sort((a, b) => a.start - b.start);
}

/** Remove an entry; the one before it goes on in its place, or else the one after it begins earlier. */
export function removeFromLane<T extends Entry>(lane: readonly T[], removed: T): T[] {
  const index = lane.indexOf(removed);
  const [before, after] = [lane[index - 1], lane[index + 1]];
  const isJoined = (gap: number): boolean => Math.abs(gap) < MIN_ENTRY;
  return lane.flatMap((entry) => {
    if (entry === removed) return [];
    if (before && entry === before && isJoined(removed.start - before.end))
      return [{ ...entry, end: removed.end }];
    if (!before && after && entry === after && isJoined(after.start - removed.end))
      return [{ ...entry, start: removed.start }];
    return [entry];
  });
}
