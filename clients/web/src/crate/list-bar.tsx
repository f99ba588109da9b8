/** The bar above the list: how many sounds, which filters, the order; or what is selected. */

import { useQuery } from "@tanstack/react-query";
import { runCommand, useTooltip } from "../keys/commands";
import { Icon } from "../parts/icon";
import { countAll } from "./client";
import { type FilterChip } from "./filter-chips";
import { formatFilters, isFiltered } from "./filters";
import { filtersOfQuery, queryOfFilters, searchName } from "./saved-query";
import { saveSearch, savedSearchesQuery } from "./saved-searches-data";
import { countRows, NONE } from "./selection";
import { SortMenu } from "./sorting";
import { countText } from "./texts";
import type { Crate } from "./use-crate";

export function ListBar({
  crate,
  chips,
  hasNews,
  onFilters,
  onTag,
  onCollect,
  onTeach,
}: {
  crate: Crate;
  chips: readonly FilterChip[];
  /** Whether sounds have come that the list does not hold yet. */
  hasNews: boolean;
  /** Opens the filters on a phone. */
  onFilters: () => void;
  onTag: () => void;
  onCollect: () => void;
  onTeach: () => void;
}) {
  const count = countRows(crate.selected);
  return (
    <div className="crate-bar">
      <button type="button" className="btn small phone-only" onClick={onFilters}>
        <Icon name="filter" />
        <span className="sr-only">Filters</span>
        {chips.length > 0 && chips.length}
      </button>
      {count > 1 ? (
        <Selection {...{ crate, count, onTag, onCollect, onTeach }} />
      ) : (
        <Filtered crate={crate} chips={chips} hasNews={hasNews} />
      )}
    </div>
  );
}

function Filtered({
  crate,
  chips,
  hasNews,
}: {
  crate: Crate;
  chips: readonly FilterChip[];
  hasNews: boolean;
}) {
  const isNarrowed = isFiltered(crate.filters) || crate.filters.collection !== null;
  const all = useQuery({
    queryKey: ["crate", "all"],
    queryFn: ({ signal }) => countAll(signal),
    enabled: isNarrowed,
  });
  const { total } = crate.pages;
  const searches = useQuery(savedSearchesQuery);
  const saved = formatFilters(crate.filters).toString();
  const isSaved = (searches.data ?? []).some(
    ({ q }) => formatFilters(filtersOfQuery(q)).toString() === saved,
  );
  return (
    <>
      <span className="crate-count not-phone" role="status">
        <b>{total === null ? "–" : countText(total)}</b>{" "}
        <span className="fg2">
          {isNarrowed && all.data !== undefined ? `of ${countText(all.data)}` : "sounds"}
        </span>
      </span>
      <ul className="crate-chips" aria-label="Filters in use">
        {chips.map((chip) => (
          <li key={chip.id} className="chip" title={chip.title}>
            <span className="ellipsis">{chip.text}</span>
            <button
              type="button"
              aria-label={`Remove ${chip.text}`}
              onClick={() => crate.setFilters(chip.rest)}
            >
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      <span className="grow" />
      {hasNews && (
        <button type="button" className="btn small quiet" onClick={crate.reload}>
          Show new sounds
        </button>
      )}
      <SortMenu crate={crate} />
      {isFiltered(crate.filters) && !isSaved && (
        <button
          type="button"
          className="btn small quiet not-phone"
          onClick={() =>
            void saveSearch(
              searchName(
                crate.filters,
                chips.map(({ text }) => text),
              ),
              queryOfFilters(crate.filters),
            )
          }
        >
          <Icon name="star" />
          Save search
        </button>
      )}
    </>
  );
}

function Selection({
  crate,
  count,
  onTag,
  onCollect,
  onTeach,
}: {
  crate: Crate;
  count: number;
  onTag: () => void;
  onCollect: () => void;
  onTeach: () => void;
}) {
  const favouriteTip = useTooltip("crate-favourite");
  const tagTip = useTooltip("crate-tag");
  const collectTip = useTooltip("crate-collect");
  const hideTip = useTooltip("crate-hide");
  const exportTip = useTooltip("export");
  const teachTip = useTooltip("crate-teach");
  const isTooMany = count > crate.targetCount;
  return (
    <>
      <span className="crate-count" role="status">
        <b>{countText(count)}</b> <span className="fg2">selected</span>
      </span>
      <button
        type="button"
        className="btn small"
        title={favouriteTip}
        onClick={() => crate.edit({ favourite: true }, "Favourite")}
      >
        <Icon name="star" />
        Favourite
      </button>
      <button type="button" className="btn small" title={tagTip} onClick={onTag}>
        Tag
      </button>
      <button type="button" className="btn small" title={collectTip} onClick={onCollect}>
        Collect
      </button>
      <button type="button" className="btn small" title={teachTip} onClick={onTeach}>
        Teach
      </button>
      <button type="button" className="btn small" title={hideTip} onClick={() => void crate.hide()}>
        Hide
      </button>
      <button
        type="button"
        className="btn small"
        title={exportTip}
        onClick={() => runCommand("export")}
      >
        <Icon name="download" />
        Export
      </button>
      {isTooMany && (
        <span className="fg2 t12">Edits change the first {countText(crate.targetCount)}.</span>
      )}
      <span className="grow" />
      <button type="button" className="btn small quiet" onClick={() => crate.select(NONE)}>
        Clear selection
      </button>
    </>
  );
}
