/** The rows of Activity: uploads of this page, arrivals, and runs. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, data, type Schemas } from "../data/api";
import { liveProgress } from "../data/events";
import { useStore } from "../data/store";
import { uploadEntries } from "../uploads/entries";
import { useNow } from "./clock";
import { arrivalRow, newestArrivals, newestRuns, runRow, uploadRow, type WorkRow } from "./rows";

type Job = Schemas["Job"];

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
export async function runJobs(run: string): Promise<readonly Job[]> {
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

/**
 * Gather all rows, newest first, work in progress before the rest.
 * @param detailed also read the names and jobs of finished work, which only Activity shows.
 */
export function useGatheredWork(detailed: boolean): Work {
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
      queryKey: ["work", "jobs", run.id],
      queryFn: () => runJobs(run.id),
      enabled: detailed || run.state === "running",
      ...(run.state === "running" ? {} : { staleTime: Infinity }),
    })),
  });
  const itemIds = [...new Set([...runList, ...arriving].map((work) => work.subject.id))];
  const open = new Set(
    runList.filter((run) => run.state === "running").map((run) => run.subject.id),
  );
  const items = useQueries({
    queries: itemIds.map((id) => ({ ...itemQuery(id), enabled: detailed || open.has(id) })),
  });
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
