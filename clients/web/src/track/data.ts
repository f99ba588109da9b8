/** Queries of a track: its item, files and jobs, and what the files say. */
import { queryOptions, useQueries, useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import { api, data, type Schemas } from "../data/api";
import { correctionsQuery } from "../data/corrections";
import {
  correctedAnalysis,
  correctedLyrics,
  correctedNotes,
  correctionsByField,
  type Corrections,
} from "./corrected";
import { HEADER_BYTES, Waveform, parsePeaksHeader } from "./peaks";
import {
  cutsOf,
  filesOf,
  hasOwnStems,
  resultsOf,
  type Analysis,
  type Artifact,
  type Cuts,
  type Job,
  type Lyrics,
  type Notes,
  type SongFiles,
} from "./song";

export type Item = Schemas["Item"];

const PAGE = 200;
/** Bytes of a waveform that are fetched at once: 95 s of stereo. */
const WAVE_PART = 65_536;

export function itemQuery(item: string) {
  return queryOptions({
    queryKey: ["item", item],
    queryFn: () => data(api.GET("/v1/items/{item}", { params: { path: { item } } })),
  });
}

function artifactsQuery(item: string) {
  return queryOptions({
    queryKey: ["item", item, "artifacts"],
    queryFn: async () => {
      const artifacts: Artifact[] = [];
      for (let cursor: string | null | undefined; ;) {
        const query = { limit: PAGE, ...(cursor ? { cursor } : {}) };
        const page = await data(
          api.GET("/v1/items/{item}/artifacts", { params: { path: { item }, query } }),
        );
        artifacts.push(...page.items);
        cursor = page.next;
        if (!cursor) return artifacts;
      }
    },
  });
}

function jobsQuery(item: string) {
  return queryOptions({
    queryKey: ["work", "jobs", "item", item],
    queryFn: async (): Promise<Job[]> => {
      const query = { item, limit: PAGE };
      return (await data(api.GET("/v1/jobs", { params: { query } }))).items;
    },
  });
}

/** Return a signed address of a file. */
export async function addressOf(artifact: string): Promise<string> {
  const path = { artifact };
  return (await data(api.GET("/v1/artifacts/{artifact}/download", { params: { path } }))).url;
}

/** The content of a JSON file. A file never changes, so that it is asked for once. */
function fileQuery<T>(artifact: Artifact | null) {
  return queryOptions({
    queryKey: ["file", artifact?.id ?? ""],
    enabled: artifact !== null,
    staleTime: Infinity,
    queryFn: async (): Promise<T> => {
      const response = await fetch(await addressOf(artifact?.id ?? ""));
      if (!response.ok) throw new Error(`the store answered ${response.status}`);
      return (await response.json()) as T;
    },
  });
}

export interface SongData {
  readonly item: Item;
  readonly files: SongFiles;
  /** What counts: with the user's corrections. */
  readonly analysis: Analysis | null;
  readonly lyrics: Lyrics | null;
  /** What the machine found. */
  readonly measured: Analysis | null;
  readonly corrections: Corrections;
  /** Notes by stem. */
  readonly notes: ReadonlyMap<string, Notes>;
  /** Results of the newest finished jobs by task. */
  readonly results: ReadonlyMap<string, Record<string, unknown>>;
  readonly cuts: Cuts;
  /** Whether the user gave the stems, so that nothing was separated. */
  readonly hasOwnStems: boolean;
}

export type SongState =
  | { readonly kind: "loading" }
  | { readonly kind: "failed"; readonly error: unknown; retry(): void }
  | { readonly kind: "ready"; readonly song: SongData };

export function useSong(item: string): SongState {
  const facts = useQuery(itemQuery(item));
  const artifacts = useQuery(artifactsQuery(item));
  const jobs = useQuery(jobsQuery(item));
  const files = artifacts.data ? filesOf(artifacts.data) : null;
  const analysis = useQuery(fileQuery<Analysis>(files?.analysis ?? null));
  const lyrics = useQuery(fileQuery<Lyrics>(files?.lyrics ?? null));
  const isCorrected = Object.keys(facts.data?.corrected ?? {}).length > 0;
  const corrections = useQuery({ ...correctionsQuery(item), enabled: isCorrected });
  const byField = useMemo(() => correctionsByField(corrections.data ?? []), [corrections.data]);
  const duration = facts.data?.audio?.duration ?? 0;
  const counting = useMemo(
    () => ({
      analysis: correctedAnalysis(analysis.data ?? null, byField, duration),
      lyrics: correctedLyrics(lyrics.data ?? null, byField),
    }),
    [analysis.data, lyrics.data, byField, duration],
  );
  const withNotes = files?.stems.filter((stem) => stem.notes) ?? [];
  const notes = useQueries({ queries: withNotes.map((stem) => fileQuery<Notes>(stem.notes)) });
  const isComplete = Boolean(facts.data && files) && !analysis.isLoading && !corrections.isLoading;
  const [wasComplete, setWasComplete] = useState(false);
  if (isComplete && !wasComplete) setWasComplete(true);
  const error = facts.error ?? artifacts.error;
  if (error && !(facts.data && files)) {
    const retry = (): void => {
      void facts.refetch();
      void artifacts.refetch();
    };
    return { kind: "failed", error, retry };
  }
  // The grid of bars places everything, so that it comes first; but a track that is shown stays,
  // with all that is done there, while a new analysis arrives.
  if (!facts.data || !files || !(isComplete || wasComplete)) return { kind: "loading" };
  const found = new Map<string, Notes>();
  withNotes.forEach((stem, index) => {
    const content = notes[index]?.data;
    if (content && content.notes.length > 0) found.set(stem.stem, content);
  });
  return {
    kind: "ready",
    song: {
      item: facts.data,
      files,
      ...counting,
      measured: analysis.data ?? null,
      corrections: byField,
      notes: correctedNotes(found, byField),
      results: resultsOf(jobs.data ?? []),
      cuts: cutsOf(artifacts.data ?? []),
      hasOwnStems: hasOwnStems(files, jobs.data ?? []),
    },
  };
}

/** A waveform that is loaded part by part, once for all who show it. */
interface Load {
  waveform: Waveform | null;
  readonly listeners: Set<() => void>;
  readonly whole: Promise<Waveform>;
}

const loads = new Map<string, Load>();

/** Return a waveform as far as it is loaded; it changes as parts come in. */
export function useWaveform(artifact: Artifact | null): {
  waveform: Waveform | null;
  /** Pixels that are loaded. */
  loaded: number;
} {
  const id = artifact?.id ?? "";
  const [shown, setShown] = useState<{ waveform: Waveform | null; loaded: number }>(NOTHING);
  useEffect(() => {
    if (!id) return;
    const load = loadOf(id);
    const show = (): void =>
      setShown({ waveform: load.waveform, loaded: load.waveform?.loaded ?? 0 });
    show();
    load.listeners.add(show);
    return () => {
      load.listeners.delete(show);
      setShown(NOTHING);
    };
  }, [id]);
  return shown;
}

const NOTHING = { waveform: null, loaded: 0 };

/** Return a whole waveform. */
export function loadWhole(artifact: string): Promise<Waveform> {
  return loadOf(artifact).whole;
}

function loadOf(id: string): Load {
  const running = loads.get(id);
  if (running) return running;
  const listeners = new Set<() => void>();
  const load: Load = {
    waveform: null,
    listeners,
    whole: loadParts(id, (waveform) => {
      load.waveform = waveform;
      for (const listener of [...listeners]) listener();
    }),
  };
  // Whoever opens the track again tries again.
  load.whole.catch(() => loads.delete(id));
  loads.set(id, load);
  return load;
}

async function loadParts(id: string, onPart: (waveform: Waveform) => void): Promise<Waveform> {
  const address = await addressOf(id);
  const read = async (from: number, size: number): Promise<Uint8Array> => {
    const headers = { Range: `bytes=${from}-${from + size - 1}` };
    const response = await fetch(address, { headers });
    if (!response.ok) throw new Error(`the store answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const first = await read(0, HEADER_BYTES + WAVE_PART);
  const waveform = new Waveform(parsePeaksHeader(first));
  waveform.add(first.subarray(HEADER_BYTES));
  onPart(waveform);
  while (!waveform.isComplete) {
    const before = waveform.loaded;
    waveform.add(await read(HEADER_BYTES + before * waveform.pixelBytes, WAVE_PART * 4));
    if (waveform.loaded === before) throw new Error("the waveform ends early");
    onPart(waveform);
  }
  return waveform;
}
