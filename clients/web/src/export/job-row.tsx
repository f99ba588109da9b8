/** One export of the open subject: its state, what it left out, and its file. */
import { liveProgress } from "../data/events";
import type { Schemas } from "../data/api";
import { useStore } from "../data/store";
import { Icon } from "../parts/icon";
import { formatBytes, plural } from "../parts/format";
import { presetLabel, saveBundle, stopExport, type JobSubject } from "./jobs";

type Job = Schemas["Job"];

export function JobRow({ job, subject }: { job: Job; subject: JobSubject }) {
  const live = useStore(liveProgress).get(job.id);
  const fraction = live?.fraction ?? job.progress.fraction ?? 0;
  const isOpen = job.state === "queued" || job.state === "running";
  const label = presetLabel(job);
  const notes = [...textsAt(job, "left_out"), ...textsAt(job, "remarks")];
  return (
    <li className="export-job">
      <div className="row">
        <span className="grow">
          {label} <span className="t12 fg2">{timeText(job.created)}</span>
        </span>
        {isOpen && (
          <button type="button" className="btn small quiet" onClick={() => void stopExport(job)}>
            Stop<span className="sr-only"> {label}</span>
          </button>
        )}
        {job.state === "succeeded" && (
          <button type="button" className="btn small" onClick={() => void saveBundle(job, subject)}>
            <Icon name="download" />
            Save ZIP<span className="sr-only"> of {label}</span>
          </button>
        )}
      </div>
      {job.state === "running" && (
        <i
          className="bar"
          role="progressbar"
          aria-label={label}
          aria-valuenow={Math.round(fraction * 100)}
          style={{ "--progress": `${Math.round(fraction * 100)}%` } as React.CSSProperties}
        />
      )}
      <p className={job.state === "failed" ? "t12 danger" : "t12 fg2"}>{stateText(job)}</p>
      {notes.map((note) => (
        <p key={note} className="t12 fg2">
          {note}
        </p>
      ))}
    </li>
  );
}

function stateText(job: Job): string {
  switch (job.state) {
    case "queued":
      return job.queue?.message || "Waits for a worker.";
    case "running":
      return job.progress.message || "Is being written.";
    case "succeeded":
      return resultText(job);
    case "cancelled":
      return "Stopped by you.";
    default:
      return job.reason?.message ?? "It was not written.";
  }
}

function resultText({ result }: Job): string {
  const files = Number(result?.["files"] ?? 0);
  const bytes = Number(result?.["content_bytes"] ?? 0);
  const clipped = Number(result?.["clipped"] ?? 0);
  return [
    plural(files, "file"),
    formatBytes(bytes),
    ...(clipped > 0 ? [`${plural(clipped, "sample")} clipped`] : []),
  ].join(", ");
}

function textsAt({ result }: Job, field: string): readonly string[] {
  const list = result?.[field];
  return Array.isArray(list) ? list.map(String) : [];
}

function timeText(time: string): string {
  return new Date(time).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
}
