/** One line for all work: "2 running, 1 waits". */
export interface WorkSummary {
  readonly text: string;
  /** Completed share of all work in progress, 0…1. */
  readonly fraction: number;
}

export function useWorkSummary(): WorkSummary {
  return { text: "Idle", fraction: 0 };
}
