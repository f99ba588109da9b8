/** What stands in place of the list when it has no rows. */

import { useQueries } from "@tanstack/react-query";
import { problemText } from "../data/problems";
import { runCommand } from "../keys/commands";
import { Icon } from "../parts/icon";
import { countSounds } from "./client";
import type { FilterChip } from "./filter-chips";
import { formatFilters, NO_FILTERS, type Filters } from "./filters";
import { countText } from "./texts";
import type { Crate } from "./use-crate";

/** Filters whose removal is tried out for the hint. */
const TRIED = 5;
const HINTS = 3;

export function Empty({ crate, chips }: { crate: Crate; chips: readonly FilterChip[] }) {
  const { filters, pages } = crate;
  if (pages.error !== null && pages.total === null) {
    return (
      <div className="crate-empty">
        <p className="danger row">
          <Icon name="warn" />
          {problemText(pages.error)}
        </p>
        <button type="button" className="btn" onClick={crate.reload}>
          Try again
        </button>
      </div>
    );
  }
  const isEverything =
    formatFilters({ ...filters, sort: null }).toString() === formatFilters(NO_FILTERS).toString();
  return isEverything ? <NoSounds /> : <NoResult crate={crate} chips={chips} />;
}

function NoSounds() {
  return (
    <div className="crate-empty">
      <p>
        No sounds yet. Drop a song: it comes back in pieces, as stems, one-shots and loops cut on
        the beat. A folder of samples is tagged without being cut.
      </p>
      <button type="button" className="btn primary" onClick={() => runCommand("add")}>
        <Icon name="plus" />
        Choose files
      </button>
    </div>
  );
}

function NoResult({ crate, chips }: { crate: Crate; chips: readonly FilterChip[] }) {
  const { filters } = crate;
  const tries = [
    ...chips.map((chip) => ({ label: chip.without, rest: chip.rest })),
    ...(filters.query && !chips.some((chip) => chip.rest.query === "")
      ? [{ label: "Any name", rest: { query: "" } as Partial<Filters> }]
      : []),
  ].slice(0, TRIED);
  const counts = useQueries({
    queries: tries.map(({ rest }) => {
      const without = { ...filters, ...rest, sort: null };
      return {
        queryKey: ["crate", "count", formatFilters(without).toString()],
        queryFn: ({ signal }: { signal: AbortSignal }) => countSounds(without, signal),
      };
    }),
  });
  const hints = tries
    .map((each, index) => ({ ...each, count: counts[index]?.data ?? 0 }))
    .filter((each) => each.count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, HINTS);
  return (
    <div className="crate-empty" role="status">
      <p>{sentence(filters, chips)}</p>
      {hints.map((hint) => (
        <p key={hint.label}>
          <button type="button" className="link" onClick={() => crate.setFilters(hint.rest)}>
            {hint.label}
          </button>{" "}
          would leave {countText(hint.count)}.
        </p>
      ))}
      <button type="button" className="btn" onClick={crate.clearFilters}>
        Remove all filters
      </button>
    </div>
  );
}

function sentence(filters: Filters, chips: readonly FilterChip[]): string {
  const facts = chips
    .filter((chip) => chip.rest.query === undefined)
    .map((chip) => chip.text)
    .join(" · ");
  if (filters.query && facts === "") return `No sound is found by “${filters.query}”.`;
  if (filters.query) return `No sound is found by “${filters.query}” with ${facts}.`;
  return filters.collection !== null && chips.length === 1
    ? "This collection is empty. Drag sounds onto it, or press C on one."
    : `No sound is ${facts}.`;
}
