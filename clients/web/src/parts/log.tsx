/** A log, newest entries first: a choice of what it shows, and older entries on demand. */
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { setQuery, useAddress } from "../address";
import { Table, type Column } from "./table";
import "./log.css";

/** What a parameter of the address chooses; null is everything. */
export function useChoice<Choice extends string>(
  name: string,
  choices: Readonly<Record<Choice, string>>,
): Choice | null {
  const chosen = useAddress().query.get(name);
  return chosen !== null && chosen in choices ? (chosen as Choice) : null;
}

export function Log<Row, Choice extends string>({
  label,
  name,
  choices,
  choice,
  log,
  columns,
  keyOf,
  empty,
  older,
}: {
  label: string;
  /** The parameter of the address. */
  name: string;
  choices: Readonly<Record<Choice, string>>;
  choice: Choice | null;
  log: UseInfiniteQueryResult<InfiniteData<{ readonly items: readonly Row[] }>>;
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  /** What stands there without entries. */
  empty: string;
  /** What the button for older entries says. */
  older: string;
}) {
  return (
    <>
      <label className="log-filter">
        Show{" "}
        <select
          className="select"
          value={choice ?? ""}
          onChange={(event) => setQuery({ [name]: event.target.value || null })}
        >
          <option value="">everything</option>
          {Object.entries<string>(choices).map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <Table
        label={label}
        columns={columns}
        rows={log.data?.pages.flatMap(({ items }) => items)}
        keyOf={keyOf}
        error={log.error}
        empty={empty}
      />
      {log.hasNextPage && (
        <button
          type="button"
          className="btn log-older"
          disabled={log.isFetchingNextPage}
          onClick={() => void log.fetchNextPage()}
        >
          {older}
        </button>
      )}
    </>
  );
}
