/** What the server knows of a song, as its files and jobs say it. */
import type { Schemas } from "../data/api";
import { formatClock } from "../parts/format";
import { chordParts } from "./chord-parts";
import type { Beat } from "./grid";

export type Artifact = Schemas["Artifact"];
export type Job = Schemas["Job"];

/** The order of stems, which never changes; it is also that of their number keys. */
export const STEM_ORDER = [
  "drums",
  "bass",
  "other",
  "accompaniment",
  "vocals",
  "guitar",
  "piano",
] as const;

export interface Analysis {
  readonly duration: number;
  readonly tempo?: {
    readonly bpm: number;
    readonly confidence: number;
    readonly steadiness: number;
    readonly candidates: readonly { readonly bpm: number; readonly weight: number }[];
    readonly beats_per_bar: number;
    /** The tempo over time; analyses from before version 5 have none. */
    readonly curve?: readonly { readonly time: number; readonly bpm: number }[];
  } | null;
  readonly beats: readonly Beat[];
  readonly key?: {
    readonly best: KeyReading;
    readonly second: KeyReading;
    readonly sections?: readonly KeySection[];
  } | null;
  readonly chords: readonly Chord[];
  readonly sections: readonly Section[];
}

export interface KeyReading {
  readonly key: string;
  readonly camelot: string;
  readonly confidence: number;
}

export interface KeySection {
  readonly start: number;
  readonly key: string;
}

export interface Chord {
  readonly start: number;
  readonly end: number;
  /** In Harte's notation; `N` is no chord. */
  readonly chord: string;
  readonly confidence: number;
}

export interface Section {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  /** What the section may be in a song: intro, verse, chorus, bridge or outro. */
  readonly role?: string | null;
  readonly confidence: number;
}

export interface Word {
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly confidence: number;
  readonly space_before?: boolean;
}

export interface LyricLine {
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly confidence: number;
  readonly words: readonly Word[];
}

export interface Lyrics {
  readonly language: string;
  readonly lines: readonly LyricLine[];
  readonly removed: readonly unknown[];
}

export interface Note {
  readonly start: number;
  readonly end: number;
  readonly pitch: number;
  readonly name: string;
  readonly velocity: number;
  readonly confidence: number;
  readonly bends: readonly number[];
  /** Of a drum: the class that its sound was tagged as. */
  readonly sound?: string | null;
}

export interface Notes {
  readonly bend_interval: number;
  readonly notes: readonly Note[];
}

/** The newest file of each kind and stem that a page of a song needs. */
export interface SongFiles {
  readonly canonical: Artifact | null;
  readonly peaks: Artifact | null;
  readonly analysis: Artifact | null;
  readonly lyrics: Artifact | null;
  /** Stems of one separation, in their order. */
  readonly stems: readonly StemFiles[];
}

export interface StemFiles {
  readonly stem: string;
  readonly audio: Artifact;
  readonly peaks: Artifact | null;
  readonly notes: Artifact | null;
  /** What its notes are read from at other thresholds; older results have none. */
  readonly posteriors: Artifact | null;
}

/** Choose the files of a song. Stems come from the newest separation alone. */
export function filesOf(artifacts: readonly Artifact[]): SongFiles {
  const newestFirst = [...artifacts].sort((a, b) => b.created.localeCompare(a.created));
  const newest = (test: (artifact: Artifact) => boolean): Artifact | null =>
    newestFirst.find(test) ?? null;
  const isStem = ({ kind, stem }: Artifact): boolean => kind === "stem" && stem !== "mix";
  const job = newest(isStem)?.job;
  const stems = newestFirst
    .filter((artifact) => isStem(artifact) && artifact.job === job)
    .map((audio) => ({
      stem: audio.stem ?? "other",
      audio,
      peaks: newest(
        ({ kind, stem, job: made }) => kind === "peaks" && stem === audio.stem && made === job,
      ),
      notes: newest(({ kind, stem, name }) => {
        return kind === "notes" && stem === audio.stem && name.endsWith(".json");
      }),
      posteriors: newest(({ kind, stem }) => kind === "posteriors" && stem === audio.stem),
    }));
  return {
    canonical: newest(({ kind }) => kind === "canonical"),
    peaks: newest(({ kind, stem }) => kind === "peaks" && !stem),
    analysis: newest(({ kind, name }) => kind === "analysis" && name.endsWith(".json")),
    lyrics: newest(({ kind, name }) => kind === "lyrics" && name.endsWith(".json")),
    stems: stems.sort((a, b) => orderOf(a.stem) - orderOf(b.stem)),
  };
}

function orderOf(stem: string): number {
  const index = (STEM_ORDER as readonly string[]).indexOf(stem);
  return index < 0 ? STEM_ORDER.length : index;
}

/** How clean each stem is, as the newest separation estimates it. */
export function cleannessOf(result: Record<string, unknown> | undefined): Map<string, number> {
  const stems = (result?.["stems"] ?? []) as { stem: string; confidence: number }[];
  return new Map(
    stems.filter(({ stem }) => stem !== "mix").map(({ stem, confidence }) => [stem, confidence]),
  );
}

/** Whether stems come from the job that took the song in, and from no separation. */
export function hasOwnStems(files: SongFiles, jobs: readonly Job[]): boolean {
  const made = files.stems[0]?.audio.job;
  return jobs.some(({ id, task }) => id === made && task === "ingest");
}

/** Results of the newest finished jobs by task. */
export function resultsOf(jobs: readonly Job[]): ReadonlyMap<string, Record<string, unknown>> {
  const results = new Map<string, Record<string, unknown>>();
  for (const job of [...jobs].sort((a, b) => a.created.localeCompare(b.created)))
    if (job.state === "succeeded" && job.result) results.set(job.task, job.result);
  return results;
}

export interface Cuts {
  readonly oneShots: number;
  readonly loops: number;
}

/** Count the files that slicing cut from a song and its stems. */
export function cutsOf(artifacts: readonly Artifact[]): Cuts {
  const count = (wanted: string): number => artifacts.filter(({ kind }) => kind === wanted).length;
  return { oneShots: count("sample"), loops: count("loop") };
}

/** `Drums`, `Accompaniment`. */
export function stemLabel(stem: string): string {
  return stem.charAt(0).toUpperCase() + stem.slice(1);
}

/** Colour of a stem; the accompaniment has that of `other`, with which it is never shown. */
export function stemColor(stem: string): string {
  return stem === "accompaniment" ? "other" : stem;
}

/** A chord as people write it: root and suffix. `null` for no chord. */
export function chordLabel(chord: string): { root: string; suffix: string } | null {
  const { note, quality, bass } = chordParts(chord);
  if (note === "N" || note === "X") return null;
  const isMinor = quality.startsWith("min");
  const suffixes: Readonly<Record<string, string>> = {
    maj: "",
    min: "",
    maj7: "maj7",
    min7: "7",
    min6: "6",
    maj6: "6",
    minmaj7: "maj7",
    hdim7: "ø7",
  };
  return {
    root: signs(note) + (isMinor ? "m" : ""),
    suffix: (suffixes[quality] ?? quality) + (bass ? `/${signs(bass)}` : ""),
  };
}

/** `A minor`, `F♯ major`. */
export function keyName(key: string): string {
  const [root = "", mode = ""] = key.split(":");
  return `${signs(root)} ${mode === "min" ? "minor" : "major"}`;
}

function signs(note: string): string {
  return note.replace("#", "♯").replace("b", "♭");
}

/** `99–131 BPM` of a tempo that changes by more than 2 %, else nothing. */
export function tempoRange(curve: readonly { readonly bpm: number }[] | undefined): string {
  const tempi = (curve ?? []).map(({ bpm }) => bpm);
  const [low, high] = [Math.min(...tempi), Math.max(...tempi)];
  return tempi.length > 0 && high / low > 1.02 ? `${low.toFixed(0)}–${high.toFixed(0)} BPM` : "";
}

/** `C major, then A minor from 1:04` of a key that changes, else nothing. */
export function keyChanges(sections: readonly KeySection[] | undefined): string {
  return (sections ?? [])
    .map(({ key, start }, index) =>
      index === 0 ? keyName(key) : `then ${keyName(key)} from ${formatClock(start)}`,
    )
    .join(", ");
}

/** `.91`: a share with two decimals and no zero before them. */
export function shareText(share: number): string {
  return share >= 0.995 ? "1.0" : share.toFixed(2).slice(1);
}

/** The form as letters, each run of the same once: `A B A C`. */
export function formText(sections: readonly Section[]): string {
  return sections
    .filter(({ label }, index) => label !== sections[index - 1]?.label)
    .map(({ label }) => label)
    .join(" ");
}
