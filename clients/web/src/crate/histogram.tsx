/** How many sounds have which value, drawn over the rail of a range facet. */

import type { Schemas } from "../data/api";
import type { Limits } from "./filters";
import { shareOf, type RangeScale } from "./range-scale";

export type Counts = Schemas["Histogram"];

export interface Bar {
  /** Share of the rail where it begins, 0…1. */
  readonly start: number;
  readonly end: number;
  /** Share of the highest bar, 0…1. */
  readonly height: number;
  readonly isInside: boolean;
}

/** Return the bars of counts on a rail; what lies outside of the rail is added at its ends. */
export function barsOf({ edges, counts }: Counts, scale: RangeScale, limits: Limits | null): Bar[] {
  const bars: (Bar & { readonly count: number })[] = [];
  counts.forEach((count, index) => {
    const [low = 0, high = 0] = [edges[index], edges[index + 1]];
    const [start, end] = [shareOf(scale, low), shareOf(scale, high)];
    const isInside = (limits?.min ?? -Infinity) < high && (limits?.max ?? Infinity) >= low;
    const before = bars.at(-1);
    if (end - start > 0) bars.push({ start, end, count, height: 0, isInside });
    else if (before && start >= 1)
      bars[bars.length - 1] = { ...before, count: before.count + count };
  });
  const highest = Math.max(1, ...bars.map(({ count }) => count));
  return bars.map(({ count, ...bar }) => ({ ...bar, height: count / highest }));
}

export function Histogram({
  counts,
  scale,
  limits,
}: {
  counts: Counts | undefined;
  scale: RangeScale;
  limits: Limits | null;
}) {
  if (!counts || counts.counts.every((count) => count === 0)) return null;
  return (
    <svg
      className="range-histogram"
      viewBox="0 0 100 100"
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      {barsOf(counts, scale, limits).map(({ start, end, height, isInside }) => (
        <rect
          key={start}
          className={isInside ? "inside" : ""}
          x={start * 100}
          width={Math.max(0.4, (end - start) * 100 - 0.5)}
          // A single sound among thousands is still to be seen.
          y={100 - (height > 0 ? Math.max(6, height * 100) : 2)}
          height={height > 0 ? Math.max(6, height * 100) : 2}
        />
      ))}
    </svg>
  );
}
