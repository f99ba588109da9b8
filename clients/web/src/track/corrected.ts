/** What the user corrected, in place of what the machine found; and values as they are typed. */
import type { Correction, CorrectionField } from "../data/corrections";
import { chordParts, degreeOf } from "./chord-parts";
import type { Beat } from "./grid";
import type { Analysis, Chord, LyricLine, Lyrics, Notes, Section } from "./song";

export type Corrections = ReadonlyMap<CorrectionField, Correction>;

/** Up to this share off, a corrected tempo is twice or half the measured one. */
const ALIKE = 0.03;
export const MIN_TEMPO = 20;
export const MAX_TEMPO = 400;

export function correctionsByField(corrections: readonly Correction[]): Corrections {
  return new Map(corrections.map((correction) => [correction.field, correction]));
}

/** The analysis as it counts: with the user's lanes, and beats at the user's tempo. */
export function correctedAnalysis(
  measured: Analysis | null,
  corrections: Corrections,
  duration: number,
): Analysis | null {
  const lane = <T>(field: CorrectionField): readonly T[] | undefined =>
    corrections.get(field)?.value as readonly T[] | undefined;
  const [chords, sections, beats] = [
    lane<Chord>("chords"),
    lane<Section>("sections"),
    lane<Beat>("beats"),
  ];
  const tempo = corrections.get("tempo")?.value as number | undefined;
  if (!measured && !chords && !sections && !beats) return null;
  const found = measured ?? { duration, beats: [], chords: [], sections: [] };
  return {
    ...found,
    chords: chords ?? found.chords,
    sections: sections ?? found.sections,
    beats: beats ?? retimed(found.beats, tempo, found.tempo?.bpm, duration),
  };
}

/** The lyrics as they count. */
export function correctedLyrics(measured: Lyrics | null, corrections: Corrections): Lyrics | null {
  const lines = corrections.get("words")?.value as readonly LyricLine[] | undefined;
  if (!lines) return measured;
  return { language: measured?.language ?? "", removed: [], ...measured, lines };
}

/** The notes of each stem as they count. */
export function correctedNotes(
  measured: ReadonlyMap<string, Notes>,
  corrections: Corrections,
): ReadonlyMap<string, Notes> {
  const counting = new Map(measured);
  for (const [field, { value }] of corrections) {
    const stem = /^notes-(.*)$/.exec(field)?.[1];
    if (stem === undefined) continue;
    const bends = measured.get(stem)?.bend_interval ?? 0.01;
    counting.set(stem, { bend_interval: bends, notes: value as Notes["notes"] });
  }
  return counting;
}

/**
 * Beats at a corrected tempo: of twice or half the measured one they follow the song as before;
 * any other tempo makes even beats from the first downbeat on.
 */
export function retimed(
  beats: readonly Beat[],
  tempo: number | undefined,
  measured: number | undefined,
  duration: number,
): readonly Beat[] {
  if (tempo === undefined || measured === undefined || beats.length < 2) return beats;
  const first = Math.max(
    0,
    beats.findIndex(({ position }) => position === 1),
  );
  const perBar = Math.max(...beats.map(({ position }) => position));
  const times = beats.map(({ time }) => time);
  let downbeat = first;
  let changed: number[];
  if (Math.abs(tempo / measured / 2 - 1) <= ALIKE) {
    changed = times.flatMap((time, index) => {
      const next = times[index + 1];
      return next === undefined ? [time] : [time, (time + next) / 2];
    });
    downbeat = 2 * first;
  } else if (Math.abs((tempo / measured) * 2 - 1) <= ALIKE) {
    changed = times.filter((_, index) => index % 2 === first % 2);
    downbeat = Math.floor(first / 2);
  } else {
    const start = times[first] ?? 0;
    const period = 60 / tempo;
    downbeat = Math.floor(start / period);
    const count = downbeat + Math.max(1, Math.floor((duration - start) / period)) + 1;
    changed = Array.from({ length: count }, (_, index) => start + period * (index - downbeat));
  }
  return changed.map((time, index) => ({
    time,
    position: ((((index - downbeat) % perBar) + perBar) % perBar) + 1,
  }));
}

const NOTE = "([A-Ga-g])\\s?([#♯b♭]?)";
const KEY = new RegExp(`^${NOTE}\\s?(m|min|minor|M|maj|major|)$`);
const CHORD = new RegExp(`^${NOTE}(m(?!aj)|min|)\\s?(maj|hdim|dim|aug|sus|)([0-9]*)(?:/${NOTE})?$`);

/** A key as the server stores it, such as `A:min` of `Am`; `null` if the text is none. */
export function parseKey(text: string): string | null {
  const match = KEY.exec(text.trim());
  if (!match) return null;
  const isMinor = match[3] === "m" || match[3] === "min" || match[3] === "minor";
  return `${root(match)}:${isMinor ? "min" : "maj"}`;
}

/** A chord in Harte's notation, such as `A:min7` of `Am7`; `null` if the text is none. */
export function parseChord(text: string): string | null {
  const typed = text.trim();
  if (/^(n|none|–|-|)$/i.test(typed)) return "N";
  const match = CHORD.exec(typed);
  if (!match) return null;
  const [, , , minor = "", kind = "", degree = ""] = match;
  const quality = minor ? `min${kind}${degree}` : `${kind}${degree}`;
  const bass = match[6] ? `/${degreeOf(root(match), root(match, 6))}` : "";
  return `${root(match)}:${quality || "maj"}${bass === "/1" ? "" : bass}`;
}

function root(match: RegExpExecArray, at = 1): string {
  const accidental = (match[at + 1] ?? "").replace("♯", "#").replace("♭", "b");
  return `${(match[at] ?? "").toUpperCase()}${accidental}`;
}

/** A chord as it is typed: `Am7`, `C/E`, and nothing for no chord. */
export function chordText(chord: string): string {
  const { note, quality, bass } = chordParts(chord);
  if (note === "N" || note === "X") return "";
  const kind = quality.replace(/^min/, "m").replace(/^maj(?!\d)/, "");
  return note + kind + (bass ? `/${bass}` : "");
}

/** Beats per minute as they are typed; `null` if the text is none. */
export function parseTempo(text: string): number | null {
  const bpm = Number(text.trim().replace(",", "."));
  return bpm >= MIN_TEMPO && bpm <= MAX_TEMPO ? Math.round(bpm * 100) / 100 : null;
}
