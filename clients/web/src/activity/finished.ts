/** The toast at the end of a run: "Low Tide is ready: 4 stems, 148 cuts." */
import { navigate } from "../address";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { onLiveEvent } from "../data/events";
import { showToast } from "../data/toasts";
import { STAGES, findingOf } from "./stages";
import { itemQuery, runJobs } from "./work";

/** Stages whose findings are counted in the toast. */
const COUNTED: readonly Schemas["TaskName"][] = ["separation", "slicing", "transcribe"];

/** Return what a finished run made, for people. */
export function finishedText(
  name: string,
  state: Schemas["RunState"],
  jobs: readonly Schemas["Job"][],
): string {
  const failed = new Set(jobs.filter((job) => job.state === "failed").map((job) => job.task));
  if (state === "failed" || state === "partial") {
    const labels = STAGES.filter((stage) => failed.has(stage.task)).map((stage) => stage.label);
    const what = labels.length > 0 ? labels.join(" and ") : "A stage";
    return `${name}: ${what} failed. Everything else is kept.`;
  }
  const findings = COUNTED.flatMap((task) => {
    const done = jobs.filter((job) => job.task === task && job.state === "succeeded");
    return done.length > 0 ? [findingOf(task, done)] : [];
  });
  return findings.length > 0 ? `${name} is ready: ${findings.join(", ")}.` : `${name} is ready.`;
}

/** Show a toast for each run that ends; return a function that stops. */
export function toastFinishedRuns(): () => void {
  return onLiveEvent((event) => {
    const state = event.data["state"] as Schemas["RunState"] | undefined;
    if (event.type !== "run.finished" || event.run === null || state === "cancelled") return;
    void reportRun(event.run);
  });
}

async function reportRun(id: string): Promise<void> {
  const run = await data(api.GET("/v1/runs/{run}", { params: { path: { run: id } } }));
  const [item, jobs] = await Promise.all([
    queries.fetchQuery(itemQuery(run.subject.id)),
    runJobs(id),
  ]);
  const failed = run.state === "failed" || run.state === "partial";
  showToast(finishedText(item.name, run.state, jobs), {
    label: failed ? "Show" : "Open",
    run: () => navigate(failed ? `/activity?at=${id}` : `/tracks/${item.id}`),
  });
}
