/** The rows of Activity: uploads of this page, arrivals, and runs. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, data, type Schemas } from "../data/api";
import { liveProgress } from "../data/events";
import { useStore } from "../data/store";
import { OPEN_PHASES, uploadEntries, type UploadEntry } from "../uploads/entries";
import { useNow } from "./clock";
import { STAGES, cellOf, type Cell } from "./stages";

type Job = Schemas["Job"];
type Run = Schemas["Run"];
type Item = Schemas["Item"];

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

const RUNS_SHOWN = 50;
const REFRESH_MS = 20_000;

function useRuns() {
  return useQuery({
    queryKey: ["work", "runs"],
    queryFn: () => data(api.GET("/v1/runs", { params: { query: { limit: RUNS_SHOWN } } })),
    // The stream tells of changes; this is for what it cannot tell, such as a worker that came.
    refetchInterval: REFRESH_MS,
  });
}

function useArrivals() {
  return useQuery({
    queryKey: ["work", "arrivals"],
    queryFn: () =>
      data(api.GET("/v1/jobs", { params: { query: { task: "ingest", limit: RUNS_SHOWN } } })),
  });
}

/** Return the jobs of a run with their places in the queue. */
async function runJobs(run: string): Promise<readonly Job[]> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const query = { run, limit: 200, ...(cursor === undefined ? {} : { cursor }) };
    const page = await data(api.GET("/v1/jobs", { params: { query } }));
    jobs.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return Promise.all(jobs.map(withQueue));
}

/** Lists leave the queue out: ask for it where a job waits. */
async function withQueue(job: Job): Promise<Job> {
  if (job.state !== "queued" || job.queue) return job;
  return data(api.GET("/v1/jobs/{job}", { params: { path: { job: job.id } } }));
}

/** Query of one item, shared by all that show its name. */
export function itemQuery(item: string) {
  return {
    queryKey: ["item", item],
    queryFn: () => data(api.GET("/v1/items/{item}", { params: { path: { item } } })),
    retry: false,
  };
}

export interface Work {
  readonly rows: readonly WorkRow[];
  readonly loading: boolean;
  readonly error: unknown;
}

/** Return all rows, newest first, work in progress before the rest. */
export function useWork(): Work {
  const runs = useRuns();
  const arrivals = useArrivals();
  const entries = useStore(uploadEntries);
  const progress = useStore(liveProgress);
  const runList = useMemo(() => newestRuns(runs.data?.items ?? []), [runs.data]);
  const arriving = useMemo(
    () => newestArrivals(arrivals.data?.items ?? [], runList, entries),
    [arrivals.data, runList, entries],
  );
  const jobs = useQueries({
    queries: runList.map((run) => ({
      queryKey: ["work", "jobs", run.id, run.state],
      queryFn: () => runJobs(run.id),
      ...(run.state === "running" ? {} : { staleTime: Infinity }),
    })),
  });
  const itemIds = [...new Set([...runList, ...arriving].map((work) => work.subject.id))];
  const items = useQueries({ queries: itemIds.map(itemQuery) });
  const byItem = new Map(itemIds.map((id, index) => [id, items[index]?.data]));
  const ingest = new Map((arrivals.data?.items ?? []).map((job) => [job.subject.id, job]));
  const now = useNow(runList.some((run) => run.state === "running"));
  const rows = [
    ...entries.map((entry) => uploadRow(entry, byItem)).filter((row) => row !== null),
    ...arriving.map((job) => arrivalRow(job, byItem.get(job.subject.id), entries)),
    ...runList.map((run, index) => {
      const list = (jobs[index]?.data ?? []).map((job) => {
        const live = job.state === "running" ? progress.get(job.id) : undefined;
        return live ? { ...job, progress: { ...live, previews: [...live.previews] } } : job;
      });
      return runRow(run, list, byItem.get(run.subject.id), ingest.get(run.subject.id), now);
    }),
  ];
  const inProgress = rows.filter((row) => row.state === "now");
  return {
    rows: [...inProgress, ...rows.filter((row) => row.state !== "now")],
    loading: runs.isPending || arrivals.isPending,
    error: runs.error ?? arrivals.error,
  };
}

/** Keep the newest run of each item. */
function newestRuns(runs: readonly Run[]): readonly Run[] {
  const seen = new Set<string>();
  return runs.filter((run) => {
    if (run.subject.kind !== "item" || seen.has(run.subject.id)) return false;
    seen.add(run.subject.id);
    return true;
  });
}

/** Ingest jobs of items without a run: on the way, failed, or samples that need no run. */
function newestArrivals(
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

function uploadRow(
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

function arrivalRow(job: Job, item: Item | undefined, entries: readonly UploadEntry[]): WorkRow {
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

function runRow(
  run: Run,
  jobs: readonly Job[],
  item: Item | undefined,
  ingest: Job | undefined,
  now: number,
): WorkRow {
  const failed = run.state === "failed" || run.state === "partial";
  const steps = new Map(run.pipeline.steps.map((step) => [step.name, step]));
  const cells = STAGES.map((stage): Cell => {
    if (stage.task === "ingest") return { kind: "done", text: ingest ? "" : "" };
    const statuses = run.steps.filter((status) => status.task === stage.task);
    const ids = new Set(statuses.flatMap((status) => status.jobs ?? []));
    const waitsFor = statuses
      .flatMap((status) => {
        const step = steps.get(status.name);
        return [...(step?.inputs ?? []).map((source) => source.step), ...(step?.after ?? [])];
      })
      .map((name) => steps.get(name)?.task)
      .filter((task) => task !== stage.task);
    // The latest stage it waits for in the order of the pipeline is the one that decides.
    const after = STAGES.findLast((other) => waitsFor.includes(other.task))?.after ?? "";
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
  const seconds = Math.floor(item.audio.duration);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
