/** Building the rows of Activity from uploads, arrivals and runs. */
import type { Schemas } from "../data/api";
import { formatClock } from "../parts/format";
import { OPEN_PHASES, type UploadEntry } from "../uploads/entries";
import { STAGES, cellOf, type Cell } from "./stages";

type Job = Schemas["Job"];
type Run = Schemas["Run"];
type Item = Schemas["Item"];
type Step = Schemas["Step"];

export type RowState = "now" | "done" | "failed";

export interface WorkRow {
  readonly key: string;
  readonly name: string;
  readonly detail: string;
  readonly state: RowState;
  readonly item: string | null;
  readonly run: Run | null;
  readonly upload: UploadEntry | null;
  readonly jobs: readonly Job[];
  /** One cell for each of `STAGES`. */
  readonly cells: readonly Cell[];
}

/** Keep the newest run of each item. */
export function newestRuns(runs: readonly Run[]): readonly Run[] {
  const seen = new Set<string>();
  return runs.filter((run) => {
    if (run.subject.kind !== "item" || seen.has(run.subject.id)) return false;
    seen.add(run.subject.id);
    return true;
  });
}

/** Ingest jobs of items without a run: on the way, failed, or samples that need no run. */
export function newestArrivals(
  jobs: readonly Job[],
  runs: readonly Run[],
  entries: readonly UploadEntry[],
): readonly Job[] {
  const known = new Set(runs.map((run) => run.subject.id));
  const own = new Set(entries.flatMap((entry) => (entry.item === null ? [] : [entry.item])));
  return jobs.filter((job) => {
    const open = job.state === "queued" || job.state === "running";
    if (known.has(job.subject.id)) return false;
    if (!open && job.state !== "failed" && !own.has(job.subject.id)) return false;
    known.add(job.subject.id);
    return true;
  });
}

const BLANK: Cell = { kind: "to-come", text: "" };

function cellsAfterArrival(first: Cell, others: Cell = BLANK): readonly Cell[] {
  return [first, ...STAGES.slice(1).map(() => others)];
}

export function uploadRow(
  entry: UploadEntry,
  items: ReadonlyMap<string, Item | undefined>,
): WorkRow | null {
  // Once it has arrived, the row of the item takes over.
  if (entry.phase === "done") return null;
  const base = {
    key: entry.key,
    name: entry.name,
    item: entry.item,
    run: null,
    upload: entry,
    jobs: [],
  };
  const fraction = entry.size > 0 ? entry.bytes / entry.size : 1;
  if (OPEN_PHASES.has(entry.phase)) {
    const cell: Cell =
      entry.phase === "waiting"
        ? { kind: "to-come", text: "next" }
        : { kind: "runs", fraction, left: bytesLeft(entry), bytes: true };
    return { ...base, detail: uploadDetail(entry), state: "now", cells: cellsAfterArrival(cell) };
  }
  if (entry.phase === "needs-file")
    return {
      ...base,
      detail: "Waits for its file",
      state: "now",
      cells: cellsAfterArrival({ kind: "waits", text: "waits", job: null }),
    };
  if (entry.phase === "duplicate") {
    const name = entry.item === null ? "" : (items.get(entry.item)?.name ?? "");
    return {
      ...base,
      detail: name === "" ? "Already here" : `Already here as “${name}”`,
      state: "done",
      cells: cellsAfterArrival({ kind: "done", text: "no upload" }),
    };
  }
  return {
    ...base,
    detail: entry.phase === "refused" ? "Not taken" : "Stopped by you",
    state: entry.phase === "refused" ? "failed" : "done",
    cells: cellsAfterArrival(
      entry.phase === "refused"
        ? { kind: "failed", text: "Not taken", jobs: [] }
        : { kind: "stopped", text: "stopped" },
    ),
  };
}

function uploadDetail(entry: UploadEntry): string {
  if (entry.phase === "hashing") return "Compared with what is here";
  if (entry.phase === "interrupted") return "Waits for the network, goes on by itself";
  return "On its way";
}

function bytesLeft(entry: UploadEntry): number | null {
  if (entry.phase !== "sending" || entry.since === null || entry.bytes < entry.size * 0.05)
    return null;
  const elapsed = (Date.now() - entry.since) / 1000;
  return (elapsed * (entry.size - entry.bytes)) / entry.bytes;
}

export function arrivalRow(
  job: Job,
  item: Item | undefined,
  entries: readonly UploadEntry[],
): WorkRow {
  const failed = job.state === "failed" || item?.state === "rejected";
  const done = job.state === "succeeded" && !failed;
  const upload = entries.find((entry) => entry.item === job.subject.id) ?? null;
  const cell: Cell = failed
    ? { kind: "failed", text: "Not taken", jobs: [job] }
    : job.state === "queued"
      ? { kind: "waits", text: "waits", job }
      : done
        ? { kind: "done", text: "" }
        : { kind: "runs", fraction: job.progress.fraction ?? 0, left: null };
  return {
    key: job.id,
    name: item?.name ?? upload?.name ?? "",
    detail: failed ? "Not taken" : done ? kindName(item) : "Checked and decoded",
    state: failed ? "failed" : done ? "done" : "now",
    item: job.subject.id,
    run: null,
    upload: null,
    jobs: [job],
    cells: cellsAfterArrival(cell, done ? { kind: "none", text: "not asked for" } : BLANK),
  };
}

function kindName(item: Item | undefined): string {
  if (!item) return "";
  return { track: "Song", stem: "Stem", sample: "Sample", recording: "Recording" }[item.kind];
}

/** Return the stage that the first of these steps to start waits for; empty for none. */
function firstWait(steps: readonly (Step | undefined)[], all: ReadonlyMap<string, Step>): string {
  const waits = steps.map((step) => {
    const names = [...(step?.inputs ?? []).map((source) => source.step), ...(step?.after ?? [])];
    const tasks = names.map((name) => all.get(name)?.task);
    // Of all that a step waits for, the latest stage in the order of the pipeline decides.
    return STAGES.findLastIndex((stage) => stage.task !== step?.task && tasks.includes(stage.task));
  });
  return STAGES[Math.min(...waits)]?.after ?? "";
}

export function runRow(
  run: Run,
  jobs: readonly Job[],
  item: Item | undefined,
  ingest: Job | undefined,
  now: number,
): WorkRow {
  const failed = run.state === "failed" || run.state === "partial";
  const steps = new Map(run.pipeline.steps.map((step) => [step.name, step]));
  const cells = STAGES.map((stage): Cell => {
    if (stage.task === "ingest") return { kind: "done", text: arrivalText(ingest) };
    const statuses = run.steps.filter((status) => status.task === stage.task);
    const ids = new Set(statuses.flatMap((status) => status.jobs ?? []));
    const after = firstWait(
      statuses.map((status) => steps.get(status.name)),
      steps,
    );
    return cellOf({
      task: stage.task,
      steps: statuses,
      jobs: jobs.filter((job) => ids.has(job.id)),
      running: run.state === "running",
      after,
      now,
    });
  });
  return {
    key: run.id,
    name: item?.name ?? "",
    detail: [kindName(item), lengthOf(item)].filter((part) => part !== "").join(", "),
    state: run.state === "running" ? "now" : failed ? "failed" : "done",
    item: run.subject.id,
    run,
    upload: null,
    jobs,
    cells,
  };
}

function lengthOf(item: Item | undefined): string {
  if (!item?.audio) return "";
  return formatClock(item.audio.duration);
}

/** The sample rate and channels that a file arrived with: `44.1 kHz, stereo`. */
function arrivalText(ingest: Job | undefined): string {
  const audio = ingest?.result?.["audio"] as { sample_rate?: number } | undefined;
  return audio?.sample_rate === undefined ? "" : `${audio.sample_rate / 1000} kHz`;
}
