/** The line below a row: why it waits or failed, and what can be done. */
import type { Schemas } from "../data/api";
import type { WorkRow } from "./rows";

type Job = Schemas["Job"];

export interface RowNote {
  readonly kind: "waits" | "failed";
  readonly text: string;
  readonly action: "retry" | "add-again" | "dismiss" | null;
  readonly jobs: readonly Job[];
}

/** A job that no worker has claimed for this long is explained. */
const EXPLAINED_AFTER_MS = 60_000;

const WORKERS: Readonly<Record<Schemas["TaskName"], string>> = {
  ingest: "reads files",
  separation: "separates stems",
  analysis: "finds tempo, key and chords",
  slicing: "cuts samples",
  tagging: "tags sounds",
  midi: "writes MIDI",
  transcribe: "transcribes lyrics",
  export: "exports files",
};

const STAGE_NAMES: Readonly<Record<Schemas["TaskName"], string>> = {
  ingest: "Arrival",
  separation: "Stems",
  analysis: "Analysis",
  slicing: "Cutting",
  tagging: "Tagging",
  midi: "MIDI",
  transcribe: "Lyrics",
  export: "Export",
};

/** Return the note of a row at a time in milliseconds, or `null` if all goes well. */
export function noteOf(row: WorkRow, now: number): RowNote | null {
  const { upload } = row;
  if (upload?.phase === "refused")
    return { kind: "failed", text: upload.problem, action: "dismiss", jobs: [] };
  if (upload?.phase === "needs-file")
    return {
      kind: "waits",
      text: `The page was loaded again. Choose “${upload.name}” to send the rest of it.`,
      action: "add-again",
      jobs: [],
    };
  const failed = row.cells.flatMap((cell) => (cell.kind === "failed" ? cell.jobs : []));
  if (failed.length > 0) return failedNote(row, failed);
  const waiting = row.cells.flatMap((cell) =>
    cell.kind === "waits" && cell.job ? [cell.job] : [],
  );
  for (const job of waiting) {
    const text = waitText(job, now);
    if (text !== null) return { kind: "waits", text, action: null, jobs: [job] };
  }
  return null;
}

function failedNote(row: WorkRow, failed: readonly Job[]): RowNote {
  const [first] = failed;
  const reason = first?.reason?.message ?? "";
  if (first?.task === "ingest") {
    const hopeless = first.reason?.code === "input" || first.reason?.code === "limits";
    return {
      kind: "failed",
      text: sentence(reason),
      action: hopeless || first.state !== "failed" ? "dismiss" : "retry",
      jobs: failed,
    };
  }
  const stages = [...new Set(failed.map((job) => STAGE_NAMES[job.task]))].join(", ");
  return {
    kind: "failed",
    text: `${stages}: ${sentence(reason)} Everything else is kept.`,
    action: row.run?.state === "running" ? null : "retry",
    jobs: failed,
  };
}

function waitText(job: Job, now: number): string | null {
  const { queue } = job;
  if (queue?.waiting_for === "worker")
    return `No worker that ${WORKERS[job.task]} is running. This stage starts when one does.`;
  if (queue?.waiting_for === "retry")
    return `${STAGE_NAMES[job.task]} met a passing fault and is tried again by itself.`;
  if (now - Date.parse(job.created) < EXPLAINED_AFTER_MS || !queue) return null;
  switch (queue.waiting_for) {
    case "limit":
      return "As many of your jobs run as may at once. This one starts when one of them ends.";
    case "others":
      return `${queue.ahead > 1000 ? "More than 1000" : queue.ahead} before this one.`;
    case "room":
      return `Next, as soon as a worker that ${WORKERS[job.task]} is free.`;
  }
}

function sentence(text: string): string {
  if (text === "") return "It did not work.";
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
