/** Actions on work: retry, stop, forget. */
import { api, data, idempotent, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import type { Parameters, StepParams } from "./retrying";

type Run = Schemas["Run"];
type Job = Schemas["Job"];

async function act(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    showToast(problemText(error));
  }
  await queries.invalidateQueries({ queryKey: ["work"] });
}

/**
 * Run a pipeline again: what succeeded is reused, so only failed stages and their followers run.
 * @param params changes parameters of steps, by their names.
 */
export function retryRun(run: Run, params: StepParams = {}): Promise<void> {
  return act(() =>
    data(
      api.POST("/v1/runs", {
        params: { header: idempotent() },
        body: { item: run.subject.id, pipeline: run.pipeline.name, params },
      }),
    ),
  );
}

/** Submit a job without a run again, with some of its parameters changed. */
export function retryJob(job: Job, parameters: Parameters = {}): Promise<void> {
  return act(() =>
    data(
      api.POST("/v1/jobs/{job}/retry", {
        params: { path: { job: job.id }, header: idempotent() },
        body: { parameters },
      }),
    ),
  );
}

export function stopRun(run: Run): Promise<void> {
  return act(() =>
    data(
      api.POST("/v1/runs/{run}/cancel", {
        params: { path: { run: run.id }, header: idempotent() },
      }),
    ),
  );
}

/** Delete an item that could not be read; nothing of it is worth keeping. */
export function forgetItem(item: string): Promise<void> {
  return act(async () => {
    await data(
      api.DELETE("/v1/items/{item}", { params: { path: { item }, query: { permanently: true } } }),
    );
    await queries.invalidateQueries({ queryKey: ["items"] });
  });
}
