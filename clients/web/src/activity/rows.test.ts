import { expect, test } from "vitest";
import type { UploadEntry } from "../uploads/entries";
import { noteOf } from "./notes";
import { uploadRow, type WorkRow } from "./rows";
import { STAGES } from "./stages";
import { stateLine, summaryOf } from "./summary";

const NOW = Date.parse("2026-01-01T00:02:00Z");
const LABELS = STAGES.map((stage) => stage.label);

function entry(change: Partial<UploadEntry>): UploadEntry {
  return {
    key: "k",
    name: "low_tide.wav",
    size: 100,
    phase: "sending",
    bytes: 40,
    upload: null,
    sha256: null,
    item: null,
    problem: "",
    since: null,
    ...change,
  };
}

function row(change: Partial<UploadEntry>): WorkRow {
  const built = uploadRow(entry(change), new Map());
  if (!built) throw new Error("no row");
  return built;
}

test("an upload shows its bytes in the first column", () => {
  expect(row({}).cells[0]).toMatchObject({ kind: "runs", fraction: 0.4, bytes: true });
  expect(row({}).cells).toHaveLength(STAGES.length);
});

test("an upload that has arrived leaves its row to the item", () => {
  expect(uploadRow(entry({ phase: "done" }), new Map())).toBeNull();
});

test("the same bytes say so, and need no attention", () => {
  const duplicate = row({ phase: "duplicate" });
  expect(duplicate.detail).toBe("Already here");
  expect(duplicate.state).toBe("done");
  expect(noteOf(duplicate, NOW)).toBeNull();
});

test("a refused file says why, and can be dismissed", () => {
  const note = noteOf(row({ phase: "refused", problem: "This is too large." }), NOW);
  expect(note).toMatchObject({ kind: "failed", text: "This is too large.", action: "dismiss" });
});

test("after a reload the row asks for its file by name", () => {
  const note = noteOf(row({ phase: "needs-file" }), NOW);
  expect(note?.text).toContain("low_tide.wav");
  expect(note?.action).toBe("add-again");
});

test("the ring sums up what runs and what waits", () => {
  expect(summaryOf([])).toEqual({ text: "Idle", fraction: 0 });
  const summary = summaryOf([row({}), row({ bytes: 60 }), row({ phase: "needs-file", bytes: 0 })]);
  expect(summary.text).toBe("2 running, 1 waits");
  expect(summary.fraction).toBeCloseTo((0.4 + 0.6 + 0) / 3);
});

test("one line of state for phones", () => {
  expect(stateLine(row({}), LABELS)).toBe("Arrive 40 %");
  expect(stateLine(row({ phase: "duplicate" }), LABELS)).toBe("Already here");
});
