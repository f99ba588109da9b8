import { expect, test } from "vitest";
import type { Schemas } from "../data/api";
import { retriesOf, stepParams } from "./retrying";
import { cellOf, roughTime } from "./stages";

type Job = Schemas["Job"];

function job(changes: Partial<Job>): Job {
  return {
    id: "job",
    task: "transcribe",
    state: "failed",
    created: "2026-01-01T00:00:00Z",
    params: {},
    priority: "interactive",
    progress: { fraction: 0 },
    subject: { kind: "item", id: "item" },
    ...changes,
  } as Job;
}

const ADVICE = [
  { parameters: { weights: "whisper-base" }, why: "It needs less memory." },
  { parameters: { beam: 1 }, why: "It needs less time." },
  { parameters: {}, why: "The cause may have passed." },
];

test("a failed stage is retried with what may help, each change once", () => {
  const retries = retriesOf([job({ retry_with: ADVICE }), job({ id: "b", retry_with: ADVICE })]);
  expect(retries.map(({ label }) => label)).toEqual([
    "Retry with whisper-base",
    "Retry with beam 1",
  ]);
  expect(retries[0]?.job.id).toBe("job");
  expect(retriesOf([job({})])).toEqual([]);
});

test("the run's other steps stay as they were", () => {
  const run = {
    steps: [
      { name: "lyrics", jobs: ["job"] },
      { name: "stems", jobs: ["other"] },
    ],
    pipeline: {
      steps: [{ name: "lyrics", params: { language: "en", beam: 5 } }, { name: "stems" }],
    },
  } as unknown as Schemas["Run"];
  const [, retry] = retriesOf([job({ retry_with: ADVICE })]);
  expect(retry && stepParams(run, retry)).toEqual({ lyrics: { language: "en", beam: 1 } });
});

test("a stage that waits says its place and when it starts", () => {
  const waiting = (expected: number | null) =>
    cellOf({
      task: "midi",
      steps: [{ name: "midi", task: "midi", states: ["queued"] }] as Schemas["StepStatus"][],
      jobs: [
        job({
          state: "queued",
          queue: {
            position: 2,
            ahead: 1,
            message: "",
            waiting_for: "others",
            expected_start_s: expected,
          },
        }),
      ],
      running: true,
      after: "",
      now: 0,
    });
  expect(waiting(null)).toMatchObject({ text: "2nd" });
  expect(waiting(2)).toMatchObject({ text: "2nd" });
  expect(waiting(130)).toMatchObject({ text: "2nd, in 2\u202fmin" });
  expect([12, 80, 3600 * 3].map(roughTime)).toEqual(["10\u202fs", "80\u202fs", "3\u202fh"]);
});
