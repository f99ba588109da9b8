/** One line for all work: "2 running, 1 waits". */
import type { WorkRow } from "./rows";

export interface WorkSummary {
  readonly text: string;
  /** Completed share of all work in progress, 0…1; 0 if nothing is in progress. */
  readonly fraction: number;
}

/** Sum up rows: a row runs if any of its stages does, and waits otherwise. */
export function summaryOf(rows: readonly WorkRow[]): WorkSummary {
  const open = rows.filter((row) => row.state === "now");
  const running = open.filter((row) => row.cells.some((cell) => cell.kind === "runs")).length;
  const waiting = open.length - running;
  const failed = rows.filter((row) => row.state === "failed").length;
  const parts = [
    ...(running > 0 ? [`${running} running`] : []),
    ...(waiting > 0 ? [`${waiting} ${waiting === 1 ? "waits" : "wait"}`] : []),
  ];
  if (parts.length === 0) return { text: failed > 0 ? `${failed} failed` : "Idle", fraction: 0 };
  const total = open.reduce((sum, row) => sum + rowFraction(row), 0);
  return { text: parts.join(", "), fraction: total / open.length };
}

/** Completed share of a row, 0…1. */
export function rowFraction(row: WorkRow): number {
  if (row.run) return row.run.progress.fraction ?? 0;
  const [arrival] = row.cells;
  return arrival?.kind === "runs" ? arrival.fraction : arrival?.kind === "done" ? 1 : 0;
}

/** One line of state for a row, for the drawer and phones: "Stems 63 %, tags 30 %". */
export function stateLine(row: WorkRow, labels: readonly string[]): string {
  const running = row.cells.flatMap((cell, index) =>
    cell.kind === "runs" ? [`${labels[index] ?? ""} ${Math.round(cell.fraction * 100)} %`] : [],
  );
  if (running.length > 0) return running.join(", ");
  const waiting = row.cells.findIndex((cell) => cell.kind === "waits");
  if (waiting >= 0) return `${labels[waiting] ?? ""} waits`;
  const failed = row.cells.findIndex((cell) => cell.kind === "failed");
  if (failed >= 0) return `${labels[failed] ?? ""} failed`;
  return row.detail;
}
