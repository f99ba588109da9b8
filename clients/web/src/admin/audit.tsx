/** The audit log: who did what, when and from where. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { setQuery, useAddress } from "../address";
import { whenText } from "../parts/format";
import { Table, type Column } from "../parts/table";
import { auditQuery, type AuditAction, type AuditEntry } from "./data";
import { ACTIONS } from "./words";

const COLUMNS: readonly Column<AuditEntry>[] = [
  { label: "When", cell: ({ at }) => whenText(at) },
  { label: "What", cell: ({ action }) => ACTIONS[action] },
  {
    label: "Who",
    cell: ({ actor, actor_email }) => actor_email ?? (actor ? "a deleted account" : "–"),
  },
  {
    label: "To whom",
    cell: ({ account, account_email }) => account_email ?? (account ? "a deleted account" : "–"),
  },
  {
    label: "Of what",
    cell: ({ target, detail }) => [target, detail].filter(Boolean).join(", ") || "–",
  },
  { label: "From", cell: ({ address }) => address || "this machine" },
];

export function Audit() {
  const { query } = useAddress();
  const chosen = query.get("action");
  const action = chosen !== null && chosen in ACTIONS ? (chosen as AuditAction) : null;
  const audit = useInfiniteQuery(auditQuery(action));
  return (
    <>
      <label className="admin-filter">
        Show{" "}
        <select
          className="select"
          value={action ?? ""}
          onChange={(event) => setQuery({ action: event.target.value || null })}
        >
          <option value="">everything</option>
          {Object.entries(ACTIONS).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <Table
        label="Audit log"
        columns={COLUMNS}
        rows={audit.data?.pages.flatMap(({ items }) => items)}
        keyOf={({ id }) => id}
        error={audit.error}
        empty="The log has no such entry."
      />
      {audit.hasNextPage && (
        <button
          type="button"
          className="btn admin-more"
          disabled={audit.isFetchingNextPage}
          onClick={() => void audit.fetchNextPage()}
        >
          Older entries
        </button>
      )}
    </>
  );
}
