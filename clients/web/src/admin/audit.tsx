/** The audit log: who did what, when and from where. */
import { useInfiniteQuery } from "@tanstack/react-query";
import { whenText } from "../parts/format";
import { Log, useChoice } from "../parts/log";
import type { Column } from "../parts/table";
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
  const action = useChoice<AuditAction>("action", ACTIONS);
  return (
    <Log
      label="Audit log"
      name="action"
      choices={ACTIONS}
      choice={action}
      log={useInfiniteQuery(auditQuery(action))}
      columns={COLUMNS}
      keyOf={({ id }) => id}
      empty="The log has no such entry."
      older="Older entries"
    />
  );
}
