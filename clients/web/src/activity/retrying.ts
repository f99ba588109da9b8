/** What a failed stage may be retried with, and how that is said. */
import type { Schemas } from "../data/api";

type Job = Schemas["Job"];
type Run = Schemas["Run"];

export type Parameters = Record<string, unknown>;
/** Parameters by the name of the step. */
export type StepParams = Record<string, Parameters>;

export interface Retry {
  /** Such as `Retry with beam 1`. */
  readonly label: string;
  readonly why: string;
  readonly job: Job;
  readonly parameters: Parameters;
}

/** Return the changes with which failed jobs may succeed, the likeliest first, each once. */
export function retriesOf(jobs: readonly Job[]): readonly Retry[] {
  const found = new Map<string, Retry>();
  for (const job of jobs)
    for (const { parameters, why } of job.retry_with ?? []) {
      const label = `Retry with ${Object.entries(parameters).map(changeText).join(", ")}`;
      if (Object.keys(parameters).length > 0 && !found.has(label))
        found.set(label, { label, why, job, parameters });
    }
  return [...found.values()];
}

/** Weights have names that say what they are; other parameters stand beside their values. */
function changeText([name, value]: [string, unknown]): string {
  return name === "weights" ? String(value) : `${name} ${String(value)}`;
}

/** Return the parameters of a run in which the step of a failed job is changed. */
export function stepParams(run: Run, { job, parameters }: Retry): StepParams {
  const name = run.steps.find(({ jobs }) => jobs?.includes(job.id))?.name;
  if (name === undefined) return {};
  const step = run.pipeline.steps.find((each) => each.name === name);
  return { [name]: { ...step?.params, ...parameters } };
}
