/** Notes of a stem at other thresholds: read again while a slider moves, kept as the user's. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { api, data, type Schemas } from "../data/api";
import { correct, type CorrectionField } from "../data/corrections";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { plural } from "../parts/format";
import type { SongData } from "./data";
import { LatestRequest } from "./latest-request";
import type { Notes } from "./song";
import { isRead, rangeToRead, type Range } from "./thresholds-range";
import type { View } from "./view";

export type Thresholds = Schemas["NoteThresholds"];
type Decoded = Schemas["DecodedNotes"];

/** Lowest and highest threshold, and the shortest note in milliseconds, that a slider offers. */
export const THRESHOLD_RANGE = { min: 0.2, max: 0.95 } as const;
export const SHORTEST_RANGE = { min: 10, max: 500 } as const;
/** Seconds that are read at once where the notes of the whole song are kept. */
const PART_SECONDS = 600;

function inRange({ onset, note, shortest }: Thresholds): Thresholds {
  const { min, max } = THRESHOLD_RANGE;
  const within = (value: number, low: number, high: number): number =>
    Math.max(low, Math.min(high, value));
  return {
    onset: within(onset, min, max),
    note: within(note, min, max),
    shortest: within(shortest, SHORTEST_RANGE.min, 2000),
  };
}

interface Question {
  readonly thresholds: Thresholds | null;
  readonly range: Range;
}

async function read(item: string, stem: string, question: Question): Promise<Decoded> {
  const { thresholds, range } = question;
  const query = { stem: stem as Schemas["Stem"], ...range, ...thresholds };
  return data(api.GET("/v1/items/{item}/notes", { params: { path: { item }, query } }));
}

export interface ThresholdControls {
  /** What the machine used; `null` while that is not known. */
  readonly machine: Thresholds | null;
  /** What the sliders stand at. */
  readonly draft: Thresholds | null;
  /** The notes at the draft, of the part that is in view. */
  readonly notes: Notes | null;
  readonly isKeeping: boolean;
  set(change: Partial<Thresholds>): void;
  discard(): void;
  keep(): void;
}

export function useThresholds(
  song: SongData,
  stem: string,
  { view, duration }: { readonly view: View; readonly duration: number },
): ThresholdControls {
  const item = song.item.id;
  const file = song.files.stems.find((files) => files.stem === stem)?.posteriors ?? null;
  const machine = useQuery({
    queryKey: ["file", file?.id ?? "", "thresholds"],
    enabled: file !== null,
    staleTime: Infinity,
    queryFn: () => read(item, stem, { thresholds: null, range: { start: 0, end: 0.1 } }),
  });
  const [draft, setDraft] = useState<Thresholds | null>(null);
  const [answer, setAnswer] = useState<Decoded | null>(null);
  const [isKeeping, setKeeping] = useState(false);
  const request = useMemo(
    () =>
      new LatestRequest<Question, Decoded>(
        (question) => read(item, stem, question),
        setAnswer,
        (error) => showToast(problemText(error)),
      ),
    [item, stem],
  );
  const latest = useRef({ view, duration, draft, answer });
  useEffect(() => {
    latest.current = { view, duration, draft, answer };
  });
  useEffect(() => () => request.cancel(), [request]);
  const machineThresholds = machine.data?.machine ?? null;

  const set = useCallback(
    (change: Partial<Thresholds>) => {
      const now = latest.current.draft ?? machineThresholds;
      if (!now) return;
      const next = inRange({ ...now, ...change });
      setDraft(next);
      const range = rangeToRead(latest.current.view, latest.current.duration);
      request.ask({ thresholds: next, range });
    },
    [machineThresholds, request],
  );
  useEffect(() => {
    if (draft && answer && !isRead(answer, view, duration))
      request.ask({ thresholds: draft, range: rangeToRead(view, duration) });
  }, [draft, answer, view, duration, request]);
  const discard = useCallback(() => {
    request.cancel();
    setDraft(null);
    setAnswer(null);
  }, [request]);
  const keep = useCallback(() => {
    if (!latest.current.draft) return;
    setKeeping(true);
    void keepNotes(item, stem, latest.current.draft, latest.current.duration).finally(() => {
      setKeeping(false);
      discard();
    });
  }, [item, stem, discard]);
  const notes = useMemo(
    () =>
      draft && answer
        ? { bend_interval: answer.bend_interval, notes: answer.notes as Notes["notes"] }
        : null,
    [draft, answer],
  );
  return { machine: machineThresholds, draft, notes, isKeeping, set, discard, keep };
}

/** Read the notes of the whole song, and store them as the user's. */
async function keepNotes(
  item: string,
  stem: string,
  thresholds: Thresholds,
  duration: number,
): Promise<void> {
  const value: Decoded["notes"] = [];
  try {
    for (let start = 0; start < duration; start += PART_SECONDS) {
      const range = { start, end: Math.min(duration, start + PART_SECONDS) };
      value.push(...(await read(item, stem, { thresholds, range })).notes);
    }
  } catch (error) {
    showToast(problemText(error));
    return;
  }
  const field = `notes-${stem}` as CorrectionField;
  await correct({ item, field, value, label: `${plural(value.length, "note")} kept` });
}
