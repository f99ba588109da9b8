import { expect, test } from "vitest";
import type { Schemas } from "../data/api";
import { cellOf, findingOf, ordinal, secondsLeft, type StageInput } from "./stages";

type Job = Schemas["Job"];

function job(change: Partial<Job>): Job {
  return {
    id: "job",
    created: "2026-01-01T00:00:00Z",
    params: {},
    priority: "interactive",
    progress: {},
    state: "queued",
    subject: { kind: "item", id: "item" },
    task: "separation",
    ...change,
  };
}

function input(jobs: readonly Job[], change: Partial<StageInput> = {}): StageInput {
  return {
    task: "separation",
    steps: [{ name: "separation", task: "separation", states: jobs.map(({ state }) => state) }],
    jobs,
    running: true,
    after: "",
    now: Date.parse("2026-01-01T00:01:00Z"),
    ...change,
  };
}

test("a stage that the pipeline lacks was not asked for", () => {
  expect(cellOf(input([], { steps: [] }))).toEqual({ kind: "none", text: "not asked for" });
});

test("a stage to come names what it waits for", () => {
  expect(cellOf(input([], { after: "stems" }))).toEqual({ kind: "to-come", text: "after stems" });
});

test("a queued stage says its place", () => {
  const queue = { ahead: 1, position: 2, message: "", waiting_for: "others" } as const;
  expect(cellOf(input([job({ queue })]))).toMatchObject({ kind: "waits", text: "2nd" });
  expect([1, 3, 11, 12, 22, 1001].map(ordinal)).toEqual([
    "1st",
    "3rd",
    "11th",
    "12th",
    "22nd",
    "1000+",
  ]);
});

test("a running stage counts its finished jobs", () => {
  const started = "2026-01-01T00:00:30Z";
  const cell = cellOf(
    input([
      job({ state: "succeeded" }),
      job({ state: "running", started, progress: { fraction: 0.5 } }),
    ]),
  );
  expect(cell).toEqual({ kind: "runs", fraction: 0.75, left: 30 });
});

test("no remaining time is stated before five per cent", () => {
  const started = "2026-01-01T00:00:30Z";
  const now = Date.parse("2026-01-01T00:01:00Z");
  expect(secondsLeft(job({ started, progress: { fraction: 0.04 } }), now)).toBeNull();
  expect(secondsLeft(job({ started, progress: { fraction: 0.25 } }), now)).toBe(90);
});

test("a failure shows when nothing of the stage runs any more", () => {
  const failed = job({ state: "failed", reason: { code: "timeout", message: "too slow" } });
  expect(cellOf(input([failed]))).toMatchObject({ kind: "failed" });
  expect(cellOf(input([failed, job({ state: "running" })]))).toMatchObject({ kind: "runs" });
});

test("skipped and cancelled stages say why", () => {
  const skipped = job({ state: "skipped", reason: { code: "silent", message: "no pitch" } });
  expect(cellOf(input([skipped], { running: false }))).toEqual({ kind: "none", text: "no pitch" });
  expect(cellOf(input([job({ state: "cancelled" })], { running: false }))).toMatchObject({
    kind: "stopped",
  });
});

test("while the jobs are read, the run's own states are shown", () => {
  const steps = (state: "succeeded" | "queued") => [
    { name: "separation", task: "separation", states: [state] } as const,
  ];
  const cell = (state: "succeeded" | "queued") =>
    cellOf(
      input([], { steps: steps(state).map((step) => ({ ...step, states: [...step.states] })) }),
    );
  expect(cell("succeeded")).toEqual({ kind: "done", text: "" });
  expect(cell("queued")).toMatchObject({ kind: "waits" });
});

test("findings are two words", () => {
  const result = { tempo: { bpm: 96.53 }, key: { best: { key: "D:min" } } };
  expect(findingOf("analysis", [job({ result })])).toBe("96.5, Dm");
  expect(findingOf("analysis", [job({ result: {} })])).toBe("no beat");
  expect(
    findingOf("slicing", [job({ result: { stored: 1 } }), job({ result: { stored: 160 } })]),
  ).toBe("161 cuts");
});
