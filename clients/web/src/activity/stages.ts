/** Stages of work on a file, and what each cell of the matrix shows. */
import type { Schemas } from "../data/api";
import { UNIT_SPACE, formatKey, formatTempo, plural } from "../parts/format";

type Job = Schemas["Job"];
type StepStatus = Schemas["StepStatus"];
type TaskName = Schemas["TaskName"];

export interface Stage {
  readonly task: TaskName;
  readonly label: string;
  /** What follows "after" in the cells of later stages. */
  readonly after: string;
}

/** The columns, in the order of the pipeline. */
export const STAGES: readonly Stage[] = [
  { task: "ingest", label: "Arrive", after: "arrival" },
  { task: "separation", label: "Stems", after: "stems" },
  { task: "analysis", label: "Analyse", after: "analysis" },
  { task: "slicing", label: "Cut", after: "cuts" },
  { task: "tagging", label: "Tag", after: "tags" },
  { task: "midi", label: "MIDI", after: "MIDI" },
  { task: "transcribe", label: "Lyrics", after: "lyrics" },
];

export type Cell =
  | { readonly kind: "none"; readonly text: string }
  | { readonly kind: "to-come"; readonly text: string }
  | { readonly kind: "waits"; readonly text: string; readonly job: Job | null }
  | {
      readonly kind: "runs";
      /** Completed share, 0…1. */
      readonly fraction: number;
      /** Seconds that remain, or `null` while nobody can say. */
      readonly left: number | null;
      readonly bytes?: boolean;
    }
  | { readonly kind: "done"; readonly text: string }
  | { readonly kind: "failed"; readonly text: string; readonly jobs: readonly Job[] }
  | { readonly kind: "stopped"; readonly text: string };

/** Progress below which no remaining time is stated. */
const MIN_FRACTION = 0.05;
/** Waits shorter than this, in seconds, are not stated. */
const MIN_EXPECTED_S = 5;

export interface StageInput {
  readonly task: TaskName;
  readonly steps: readonly StepStatus[];
  /** The jobs of these steps. */
  readonly jobs: readonly Job[];
  /** Whether the run still goes on. */
  readonly running: boolean;
  /** The stage that these steps wait for, as `Stage.after`. */
  readonly after: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Return the cell of one stage of one run. */
export function cellOf(input: StageInput): Cell {
  const { steps, jobs, running } = input;
  if (steps.length === 0) return { kind: "none", text: "not asked for" };
  const states = steps.flatMap((step) => step.states ?? []);
  if (jobs.length === 0 && states.length > 0) return cellOfStates(states);
  const failed = jobs.filter((job) => job.state === "failed");
  const active = jobs.filter((job) => job.state === "running");
  const queued = jobs.filter((job) => job.state === "queued");
  if (failed.length > 0 && active.length === 0 && queued.length === 0)
    return { kind: "failed", text: "Failed", jobs: failed };
  if (active.length > 0) return runningCell(input, active);
  const waiting = queued[0];
  if (waiting) return waitingCell(waiting);
  const open = steps.some(
    (step) => (step.states ?? []).length === 0 && (step.skip_reason ?? null) === null,
  );
  if (open && running)
    return { kind: "to-come", text: input.after === "" ? "next" : `after ${input.after}` };
  if (jobs.some((job) => job.state === "cancelled"))
    return { kind: "stopped", text: "stopped by you" };
  const succeeded = jobs.filter((job) => job.state === "succeeded");
  if (succeeded.length > 0) return { kind: "done", text: findingOf(input.task, succeeded) };
  if (!running && open) return { kind: "stopped", text: "not reached" };
  const reason = jobs.find((job) => job.reason)?.reason?.message ?? steps[0]?.skip_reason ?? "";
  return { kind: "none", text: reason || "nothing to do" };
}

/** The cell of a stage whose jobs have not been read yet. */
function cellOfStates(states: readonly Schemas["JobState"][]): Cell {
  if (states.includes("running")) return { kind: "runs", fraction: 0, left: null };
  if (states.includes("queued")) return { kind: "waits", text: "waits", job: null };
  if (states.includes("failed")) return { kind: "failed", text: "Failed", jobs: [] };
  if (states.includes("succeeded")) return { kind: "done", text: "" };
  if (states.includes("cancelled")) return { kind: "stopped", text: "stopped by you" };
  return { kind: "none", text: "nothing to do" };
}

function runningCell({ jobs, now }: StageInput, active: readonly Job[]): Cell {
  const finished = jobs.filter((job) => job.state !== "running" && job.state !== "queued").length;
  const partial = active.reduce((sum, job) => sum + (job.progress.fraction ?? 0), 0);
  const fraction = (finished + partial) / jobs.length;
  const slowest = active.reduce((worst, job) =>
    (job.progress.fraction ?? 0) < (worst.progress.fraction ?? 0) ? job : worst,
  );
  return { kind: "runs", fraction, left: secondsLeft(slowest, now) };
}

/** Return the remaining seconds of a job by its pace so far; `null` before 5 %. */
export function secondsLeft(job: Job, now: number): number | null {
  const fraction = job.progress.fraction ?? 0;
  if (!job.started || fraction < MIN_FRACTION) return null;
  const elapsed = (now - Date.parse(job.started)) / 1000;
  return elapsed > 0 ? (elapsed * (1 - fraction)) / fraction : null;
}

function waitingCell(job: Job): Cell {
  const { queue } = job;
  if (!queue) return { kind: "waits", text: "waits", job };
  const start = queue.expected_start_s;
  // A worker that is free starts it at once; what that takes is not worth a number.
  const when = start == null || start < MIN_EXPECTED_S ? "" : `, in ${roughTime(start)}`;
  return { kind: "waits", text: `${ordinal(queue.position)}${when}`, job };
}

/** Return an expected time: `40 s`, `3 min`, `2 h`. */
export function roughTime(seconds: number): string {
  if (seconds < 90) return `${Math.max(10, Math.round(seconds / 10) * 10)}${UNIT_SPACE}s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)}${UNIT_SPACE}min`;
  return `${Math.round(seconds / 3600)}${UNIT_SPACE}h`;
}

/** `1st`, `2nd`, `11th`; positions are counted up to 1000. */
export function ordinal(position: number): string {
  if (position > 1000) return "1000+";
  const tens = position % 100;
  const suffix =
    tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][position % 10] ?? "th");
  return `${position}${suffix}`;
}

/** Return what a finished stage found, in two words. */
export function findingOf(task: TaskName, jobs: readonly Job[]): string {
  const results = jobs.map((job) => job.result ?? {});
  const sum = (field: string): number =>
    results.reduce((total, result) => total + numberAt(result, field), 0);
  switch (task) {
    case "analysis":
      return analysisFinding(results[0] ?? {});
    case "separation":
      return plural(listAt(results[0] ?? {}, "stems").length, "stem");
    case "slicing":
      return plural(sum("stored"), "cut");
    case "tagging":
      return plural(
        sum("samples") || results.reduce((n, r) => n + listAt(r, "song").length, 0),
        "tag",
      );
    case "midi":
      return plural(jobs.length, "file");
    case "transcribe":
      return plural(sum("words"), "word");
    default:
      return "";
  }
}

function analysisFinding(result: Readonly<Record<string, unknown>>): string {
  const tempo = numberAt(objectAt(result, "tempo"), "bpm");
  const key = objectAt(objectAt(result, "key"), "best")["key"];
  const parts = [
    ...(tempo > 0 ? [formatTempo(tempo)] : []),
    ...(typeof key === "string" ? [formatKey(key)] : []),
  ];
  return parts.join(", ") || "no beat";
}

function objectAt(
  value: Readonly<Record<string, unknown>>,
  field: string,
): Record<string, unknown> {
  const inner = value[field];
  return typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>) : {};
}

function listAt(value: Readonly<Record<string, unknown>>, field: string): readonly unknown[] {
  const inner = value[field];
  return Array.isArray(inner) ? (inner as unknown[]) : [];
}

function numberAt(value: Readonly<Record<string, unknown>>, field: string): number {
  const inner = value[field];
  return typeof inner === "number" ? inner : 0;
}
