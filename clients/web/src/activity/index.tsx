/** Activity: what arrives, runs, waits, failed. */
import { setQuery, useAddress } from "../address";
import { problemText } from "../data/problems";
import { useKeys } from "../keys/commands";
import { Imports } from "../imports/list";
import { AddPanel } from "../uploads/add-panel";
import { Segmented } from "../parts/segmented";
import "../styles/activity.css";
import { useNow } from "./clock";
import { Detail } from "./detail";
import { Matrix } from "./matrix";
import type { RowState } from "./rows";
import { useWork } from "./work-context";

const FILTERS: readonly RowState[] = ["now", "done", "failed"];

export function Activity() {
  const { query } = useAddress();
  const { rows, loading, error } = useWork();
  const now = useNow(rows.some((row) => row.state === "now"));
  const asked = query.get("show");
  const show = FILTERS.find((filter) => filter === asked) ?? "now";
  const failures = rows.filter((row) => row.state === "failed").length;
  const shown = rows.filter((row) => (show === "now" ? true : row.state === show));
  const at = query.get("at");
  const selected = shown.find((row) => row.key === at) ?? shown[0];
  useKeys({ close: () => setQuery({ at: null }, { replace: true }) });
  return (
    <main className="activity">
      <section className="activity-list" aria-label="Files">
        <div className="row" style={{ gap: 12 }}>
          <h1 className="page-title grow">Activity</h1>
          <Segmented
            label="Show"
            value={show}
            options={[
              { value: "now", label: "Now" },
              { value: "done", label: "Done" },
              { value: "failed", label: failures > 0 ? `Failed ${failures}` : "Failed" },
            ]}
            onChange={(value) => setQuery({ show: value === "now" ? null : value, at: null })}
          />
        </div>
        <AddPanel />
        {error !== null && error !== undefined && (
          <p className="danger" role="alert">
            {problemText(error)}
          </p>
        )}
        <Imports show={show} now={now} />
        {shown.length > 0 && <Matrix rows={shown} selected={selected?.key ?? null} now={now} />}
        {shown.length === 0 && !loading && <p className="fg1">{EMPTY[show]}</p>}
      </section>
      {selected ? (
        <Detail row={selected} opened={selected.key === at} />
      ) : (
        <aside className="detail" aria-label="Details" />
      )}
    </main>
  );
}

const EMPTY: Readonly<Record<RowState, string>> = {
  now: "Nothing runs and nothing waits. Drop a song anywhere to begin.",
  done: "Nothing has been finished yet.",
  failed: "Nothing has failed.",
};
