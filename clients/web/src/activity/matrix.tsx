/** The matrix: a row for each file, a column for each stage. */
import { setQuery } from "../address";
import { dismissEntry } from "../uploads/entries";
import { stopUpload } from "../uploads/queue";
import { formatClock } from "../parts/format";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { forgetItem, retryJob, retryRun, stopRun } from "./actions";
import { AddAgain } from "./add-again";
import { noteOf } from "./notes";
import { retriesOf, stepParams } from "./retrying";
import { STAGES, type Cell } from "./stages";
import type { WorkRow } from "./rows";
import { rowFraction, stateLine } from "./summary";

export function Matrix({
  rows,
  selected,
  now,
}: {
  rows: readonly WorkRow[];
  selected: string | null;
  now: number;
}) {
  return (
    <div className="matrix" role="table" aria-label="Files and their stages">
      <div className="matrix-row matrix-head" role="row">
        <span role="columnheader">File</span>
        {STAGES.map((stage) => (
          <span key={stage.task} role="columnheader">
            {stage.label}
          </span>
        ))}
        <span role="columnheader">
          <span className="sr-only">Actions</span>
        </span>
      </div>
      {rows.map((row) => (
        <MatrixRow key={row.key} row={row} selected={row.key === selected} now={now} />
      ))}
    </div>
  );
}

function MatrixRow({ row, selected, now }: { row: WorkRow; selected: boolean; now: number }) {
  return (
    <>
      <div
        className={selected ? "matrix-row current" : "matrix-row"}
        role="row"
        onClick={() => setQuery({ at: row.key }, { replace: true })}
      >
        <div role="rowheader" className="matrix-file">
          <button
            type="button"
            className="ellipsis"
            aria-pressed={selected}
            onClick={() => setQuery({ at: row.key }, { replace: true })}
          >
            {row.name || "…"}
          </button>
          <span className="t12 fg2 ellipsis matrix-wide">{row.detail}</span>
          <PhoneState row={row} />
        </div>
        {row.cells.map((cell, index) => (
          <div
            key={STAGES[index]?.task}
            role="cell"
            className={
              cell.kind === "to-come" && cell.text === "" ? "matrix-cell blank" : "matrix-cell"
            }
          >
            <CellContent cell={cell} />
          </div>
        ))}
        <div role="cell" className="matrix-actions">
          <RowAction row={row} />
        </div>
      </div>
      <Note row={row} now={now} />
    </>
  );
}

const LABELS = STAGES.map((stage) => stage.label);

/** On a phone a row is its name, one line of state and one bar. */
function PhoneState({ row }: { row: WorkRow }) {
  return (
    <span className="matrix-phone">
      <span className={row.state === "failed" ? "danger" : "fg2"}>{stateLine(row, LABELS)}</span>
      {row.state === "now" && (
        <i
          className={row.upload ? "bar bytes" : "bar"}
          style={
            {
              "--progress": `${Math.round(rowFraction(row) * 100)}%`,
              marginTop: 4,
            } as React.CSSProperties
          }
        />
      )}
    </span>
  );
}

function CellContent({ cell }: { cell: Cell }) {
  switch (cell.kind) {
    case "none":
      return (
        <span className="row fg2" title={cell.text}>
          <Icon name="dash" />
          <span className="ellipsis">{cell.text}</span>
        </span>
      );
    case "to-come":
      return <span className="fg2 ellipsis">{cell.text}</span>;
    case "waits":
      return (
        <span className="row">
          <Icon name="clock" />
          {cell.text}
        </span>
      );
    case "runs":
      return <Running cell={cell} />;
    case "done":
      return (
        <span className="row">
          <Icon name="check" />
          <span className="fg2 ellipsis">{cell.text || <span className="sr-only">done</span>}</span>
        </span>
      );
    case "failed":
      return (
        <span className="row danger">
          <Icon name="warn" />
          {cell.text}
        </span>
      );
    case "stopped":
      return (
        <span className="row fg2">
          <Icon name="dash" />
          <span className="ellipsis">{cell.text}</span>
        </span>
      );
  }
}

function Running({ cell }: { cell: Cell & { kind: "runs" } }) {
  const percent = Math.round(cell.fraction * 100);
  return (
    <span className="grow">
      <span className="row" style={{ justifyContent: "space-between", gap: 6 }}>
        <span style={{ color: "var(--fg0)" }}>{percent} %</span>
        <span className="fg2">{cell.left === null ? "runs" : formatClock(cell.left)}</span>
      </span>
      <i
        className={cell.bytes ? "bar bytes" : "bar"}
        style={{ "--progress": `${percent}%`, marginTop: 4 } as React.CSSProperties}
      />
    </span>
  );
}

function RowAction({ row }: { row: WorkRow }) {
  const { upload, run } = row;
  if (upload && row.state === "now")
    return (
      <button
        type="button"
        className="icon-btn small"
        aria-label={`Stop ${row.name}`}
        onClick={(event) => {
          event.stopPropagation();
          stopUpload(upload.key);
        }}
      >
        <Icon name="close" />
      </button>
    );
  if (run?.state === "running")
    return (
      <button
        type="button"
        className="icon-btn small"
        aria-label={`Stop ${row.name}`}
        onClick={(event) => {
          event.stopPropagation();
          void stopRun(run);
        }}
      >
        <Icon name="close" />
      </button>
    );
  if (run?.state === "cancelled")
    return (
      <button
        type="button"
        className="btn quiet small"
        onClick={(event) => {
          event.stopPropagation();
          void retryRun(run);
        }}
      >
        Run
      </button>
    );
  if (row.item !== null && row.state !== "failed")
    return (
      <Link className="link t12" href={`/tracks/${row.item}`}>
        Open
      </Link>
    );
  return null;
}

function Note({ row, now }: { row: WorkRow; now: number }) {
  const note = noteOf(row, now);
  if (!note) return null;
  const { run, upload, item } = row;
  const [job] = note.jobs;
  return (
    <div className={note.kind === "failed" ? "matrix-note failed" : "matrix-note"} role="row">
      <div role="cell" className="row" style={{ gap: 8, width: "100%", flexWrap: "wrap" }}>
        <Icon
          name={note.kind === "failed" ? "warn" : "clock"}
          {...(note.kind === "failed" ? { className: "danger" } : {})}
        />
        <span className="grow">{note.text}</span>
        {note.action === "retry" &&
          retriesOf(note.jobs).map((retry) => (
            <button
              key={retry.label}
              type="button"
              className="btn small"
              title={retry.why}
              onClick={() =>
                void (run
                  ? retryRun(run, stepParams(run, retry))
                  : retryJob(retry.job, retry.parameters))
              }
            >
              {retry.label}
            </button>
          ))}
        {note.action === "retry" && run && (
          <button type="button" className="btn small" onClick={() => void retryRun(run)}>
            Retry
          </button>
        )}
        {note.action === "retry" && !run && job && (
          <button type="button" className="btn small" onClick={() => void retryJob(job)}>
            Retry
          </button>
        )}
        {note.action === "add-again" && upload && <AddAgain entry={upload} />}
        {note.action === "dismiss" && (
          <button
            type="button"
            className="btn small quiet"
            onClick={() => {
              if (upload) dismissEntry(upload.key);
              else if (item !== null) void forgetItem(item);
            }}
          >
            Dismiss
          </button>
        )}
      </div>
    </div>
  );
}
