/** Selected rows of a list, as disjoint ranges of positions: a hundred thousand cost as one does. */

/** First and last position of a range, both included. */
export type RowRange = readonly [number, number];
/** In ascending order, disjoint, and never next to each other. */
export type RowRanges = readonly RowRange[];

export const NONE: RowRanges = [];

/** Return how many rows are selected. */
export function countRows(ranges: RowRanges): number {
  return ranges.reduce((count, [first, last]) => count + last - first + 1, 0);
}

/** Return whether a row is selected. */
export function hasRow(ranges: RowRanges, row: number): boolean {
  return ranges.some(([first, last]) => first <= row && row <= last);
}

/** Return a selection with the rows from one position to another, in either order. */
export function addRange(ranges: RowRanges, from: number, to: number): RowRanges {
  let first = Math.min(from, to);
  let last = Math.max(from, to);
  const apart: RowRange[] = [];
  for (const range of ranges) {
    if (range[1] < first - 1 || range[0] > last + 1) apart.push(range);
    else {
      first = Math.min(first, range[0]);
      last = Math.max(last, range[1]);
    }
  }
  return [...apart, [first, last] as const].sort((a, b) => a[0] - b[0]);
}

/** Return a selection with a row added, or removed if it was selected. */
export function toggleRow(ranges: RowRanges, row: number): RowRanges {
  if (!hasRow(ranges, row)) return addRange(ranges, row, row);
  return ranges.flatMap(([first, last]): RowRange[] => {
    if (row < first || row > last) return [[first, last]];
    const parts: RowRange[] = [];
    if (first < row) parts.push([first, row - 1]);
    if (row < last) parts.push([row + 1, last]);
    return parts;
  });
}

/** Return the selected positions in ascending order. */
export function rowsOf(ranges: RowRanges): number[] {
  return ranges.flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, step) => first + step),
  );
}

/** Return a selection without rows at or after the end of a list. */
export function cutTo(ranges: RowRanges, total: number): RowRanges {
  return ranges
    .filter(([first]) => first < total)
    .map(([first, last]) => [first, Math.min(last, total - 1)] as const);
}

/** Write a selection as text, such as `3-7,12`. */
export function formatRanges(ranges: RowRanges): string {
  return ranges
    .map(([first, last]) => (first === last ? String(first) : `${first}-${last}`))
    .join(",");
}

/** Read a selection from text; parts that are no range are left out. */
export function parseRanges(text: string): RowRanges {
  let ranges = NONE;
  for (const part of text.split(",")) {
    const read = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part);
    if (read) ranges = addRange(ranges, Number(read[1]), Number(read[2] ?? read[1]));
  }
  return ranges;
}
