/** The order of the list: by the header's columns, or by the menu of the bar. */

import type { Crate } from "./use-crate";

interface Column {
  readonly className: string;
  readonly label: string;
  /** The order that a click on the column asks for first, then the opposite one. */
  readonly sort?: string;
}

const COLUMNS: readonly Column[] = [
  { className: "cell-play", label: "Playing" },
  { className: "cell-name", label: "Name", sort: "name" },
  { className: "cell-wave", label: "Sound" },
  { className: "cell-class", label: "Class" },
  { className: "cell-key", label: "Key" },
  { className: "cell-bpm num", label: "BPM", sort: "bpm" },
  { className: "cell-length num", label: "Length", sort: "duration" },
  { className: "cell-distance num", label: "Alike" },
  { className: "cell-source", label: "From" },
  { className: "cell-star", label: "Favourite" },
];

const ORDERS: readonly { readonly sort: string; readonly label: string }[] = [
  { sort: "-created", label: "Newest first" },
  { sort: "created", label: "Oldest first" },
  { sort: "name", label: "By name" },
  { sort: "-name", label: "By name, backwards" },
  { sort: "bpm", label: "Slowest first" },
  { sort: "-bpm", label: "Fastest first" },
  { sort: "duration", label: "Shortest first" },
  { sort: "-duration", label: "Longest first" },
];

export function SortHeader({ crate }: { crate: Crate }) {
  const { sort } = crate.filters;
  return (
    <div role="rowgroup" className="crate-header" data-grid-header>
      <div role="row" className="crate-head" aria-rowindex={1}>
        {COLUMNS.map((column) => {
          const { sort: own, label } = column;
          if (own === undefined) {
            const isHidden = label === "Playing" || label === "Favourite";
            return (
              <span key={label} role="columnheader" className={column.className}>
                <span className={isHidden ? "sr-only" : undefined}>{label}</span>
              </span>
            );
          }
          const order = sort === own ? "ascending" : sort === `-${own}` ? "descending" : "none";
          return (
            <span key={label} role="columnheader" className={column.className} aria-sort={order}>
              <button
                type="button"
                tabIndex={-1}
                className={order === "none" ? "" : "sorted"}
                onClick={() => crate.setFilters({ sort: sort === own ? `-${own}` : own })}
              >
                {label}
                {order !== "none" && (
                  <span aria-hidden="true">{order === "ascending" ? " ↑" : " ↓"}</span>
                )}
              </button>
            </span>
          );
        })}
      </div>
    </div>
  );
}

export function SortMenu({ crate }: { crate: Crate }) {
  const { sort, query, like } = crate.filters;
  return (
    <select
      className="crate-sort"
      aria-label="Order"
      value={sort ?? ""}
      onChange={(event) => crate.setFilters({ sort: event.target.value || null })}
    >
      <option value="">
        {like ? "Most alike first" : query ? `Closest to “${query}”` : "Newest first"}
      </option>
      {ORDERS.filter((order) => query !== "" || like !== null || order.sort !== "-created").map(
        (order) => (
          <option key={order.sort} value={order.sort}>
            {order.label}
          </option>
        ),
      )}
    </select>
  );
}
