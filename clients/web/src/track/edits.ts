/** Edits of a track, each with its inverse on the undo queue. */
import { useCallback, useRef } from "react";
import { api, data, type Schemas } from "../data/api";
import { keepAnswer, queries, showChange } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { correct, type CorrectionField } from "../data/corrections";
import { formatTempo } from "../parts/format";
import { MAX_TEMPO, MIN_TEMPO, chordText, parseChord, parseKey } from "./corrected";
import { itemQuery, type Item, type SongData } from "./data";
import { entryAt, removeFromLane, splitLane } from "./lane-edits";
import { inOrder, retext } from "./lyric-text";
import { keyName, type Chord, type LyricLine, type Section } from "./song";

type ItemEdit = Schemas["ItemEdit"];

const TOO_SHORT = "The playhead is at an edge. Move it to where the split should be.";
const TAKEN_BACK = "What Cratedig found counts again";

/** Change an item at once on the page, then on the server; undo changes it back. */
async function edit(item: Item, label: string, change: ItemEdit, before: ItemEdit): Promise<void> {
  const send = async (body: ItemEdit): Promise<void> => {
    const { queryKey } = itemQuery(item.id);
    const shown = queries.getQueryData(queryKey);
    showChange<Item>(queryKey, (known) => ({ ...known, ...(body as Partial<Item>) }));
    try {
      const path = { item: item.id };
      const saved = await data(api.PATCH("/v1/items/{item}", { params: { path }, body }));
      keepAnswer(queryKey, saved);
      await queries.invalidateQueries({ queryKey: ["items"] });
    } catch (error) {
      if (shown) keepAnswer(queryKey, shown);
      throw error;
    }
  };
  try {
    await undoQueue.run({ label, apply: () => send(change), revert: () => send(before) });
    showToast(label, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

export async function rename(item: Item, name: string): Promise<void> {
  const next = name.trim();
  if (next === "" || next === item.name) return;
  await edit(item, `Renamed to ${next}`, { name: next }, { name: item.name });
}

/** Save a tempo as the user's; `null`, and the machine's own, take the correction back. */
export function useTempoEdit(song: SongData): (bpm: number | null) => void {
  const { item, measured, corrections } = song;
  return useCallback(
    (bpm) => {
      const found = measured?.tempo?.bpm;
      const value = bpm === null ? null : Math.round(bpm * 100) / 100;
      if (value === null || (found !== undefined && Math.abs(value - found) < 0.005)) {
        if (corrections.has("tempo"))
          void correct({ item: item.id, field: "tempo", value: null, label: TAKEN_BACK });
      } else if (value < MIN_TEMPO || value > MAX_TEMPO) {
        showToast(`A tempo is ${MIN_TEMPO} to ${MAX_TEMPO} BPM.`);
      } else {
        const label = `Tempo is ${formatTempo(value)}`;
        void correct({ item: item.id, field: "tempo", value, label });
      }
    },
    [item.id, measured, corrections],
  );
}

/** Save a key as it is typed; the machine's own takes the correction back. */
export function saveKey({ item, measured, corrections }: SongData, text: string): void {
  const key = parseKey(text);
  if (key === null) showToast("Name a key, such as Am, F♯m or B♭.");
  else if (key === measured?.key?.best.key) {
    if (corrections.has("key"))
      void correct({ item: item.id, field: "key", value: null, label: TAKEN_BACK });
  } else void correct({ item: item.id, field: "key", value: key, label: `Key is ${keyName(key)}` });
}

/** Take a correction back. */
export function takeBack({ item }: SongData, field: CorrectionField): void {
  void correct({ item: item.id, field, value: null, label: TAKEN_BACK });
}

/** Replace one chord of the song; an empty text is no chord. */
export function saveChord({ item, analysis }: SongData, chord: Chord, text: string): void {
  const named = parseChord(text);
  if (named === null) {
    showToast("Write a chord such as Am7, C or F♯dim, or nothing for none.");
    return;
  }
  const value = (analysis?.chords ?? []).map((one) =>
    one === chord ? { ...one, chord: named, confidence: 1 } : one,
  );
  const label = named === "N" ? "No chord" : `Chord is ${chordText(named)}`;
  void correct({ item: item.id, field: "chords", value, label });
}

/** Split the chord at a time, or add one where there is none. */
export function splitChord({ item, analysis }: SongData, at: number, duration: number): void {
  const value = splitLane(analysis?.chords ?? [], at, { chord: "N" }, duration);
  if (value) void correct({ item: item.id, field: "chords", value, label: "Chord split" });
  else showToast(TOO_SHORT);
}

/** Remove the chord at a time; the one before it goes on. */
export function removeChord({ item, analysis }: SongData, at: number): void {
  const chords = analysis?.chords ?? [];
  const chord = entryAt(chords, at);
  if (!chord) return;
  const value = removeFromLane(chords, chord);
  void correct({ item: item.id, field: "chords", value, label: "Chord removed" });
}

/** Split the section at a time, or add one where there is none. */
export function splitSection({ item, analysis }: SongData, at: number, duration: number): void {
  const value = splitLane(analysis?.sections ?? [], at, { label: "A" }, duration);
  if (value) void correct({ item: item.id, field: "sections", value, label: "Section split" });
  else showToast(TOO_SHORT);
}

/** Remove the section at a time; the one before it goes on. */
export function removeSection({ item, analysis }: SongData, at: number): void {
  const sections = analysis?.sections ?? [];
  const section = entryAt(sections, at);
  if (!section) return;
  const value = removeFromLane(sections, section);
  void correct({ item: item.id, field: "sections", value, label: "Section removed" });
}

const SECTION_NAME = 40;

/** Rename one section of the song. */
export function saveSection({ item, analysis }: SongData, section: Section, text: string): void {
  const name = text.trim().slice(0, SECTION_NAME);
  if (name === "") return;
  const value = (analysis?.sections ?? []).map((one) =>
    one === section ? { ...one, label: name, role: null, confidence: 1 } : one,
  );
  void correct({ item: item.id, field: "sections", value, label: `Section is ${name}` });
}

/** Replace the words of the song. */
export function saveLines(song: SongData, lines: readonly LyricLine[], label: string): void {
  const value = inOrder(lines, song.item.audio?.duration ?? Infinity);
  void correct({ item: song.item.id, field: "words", value, label });
}

/** Change words of one line: one word by its place, or the whole line. */
export function saveWords(
  song: SongData,
  line: LyricLine,
  { text, place }: { text: string; place: number | null },
): void {
  const words = line.words.map((word) => word.text.trim());
  const whole =
    place === null ? text : words.map((word, at) => (at === place ? text : word)).join(" ");
  const changed = retext(line, whole);
  const lines = (song.lyrics?.lines ?? []).flatMap((one) =>
    one === line ? (changed ? [changed] : []) : [one],
  );
  saveLines(song, lines, text ? `Words are ${text}` : "Words removed");
}

/** Taps further apart than this begin a new tempo. */
const PAUSE_MS = 2000;
const MIN_TAPS = 4;

/** Tempo of taps at times in milliseconds, or `null` while there are too few. */
export function tappedTempo(times: readonly number[]): number | null {
  const [first, last] = [times[0], times.at(-1)];
  if (times.length < MIN_TAPS || first === undefined || last === undefined) return null;
  return 60_000 / ((last - first) / (times.length - 1));
}

/** Return a function that takes a tap, and saves the tempo once tapping has ended. */
export function useTap(save: (bpm: number) => void): () => void {
  const taps = useRef<{ times: number[]; timer: ReturnType<typeof setTimeout> | null }>({
    times: [],
    timer: null,
  });
  return useCallback(() => {
    const state = taps.current;
    const now = performance.now();
    if (now - (state.times.at(-1) ?? now) > PAUSE_MS) state.times = [];
    state.times = [...state.times, now].slice(-16);
    const bpm = tappedTempo(state.times);
    showToast(
      bpm === null ? `Tap on: ${MIN_TAPS - state.times.length} more` : `${formatTempo(bpm)} BPM`,
    );
    if (state.timer) clearTimeout(state.timer);
    state.timer = setTimeout(() => {
      if (bpm !== null) save(bpm);
      state.times = [];
    }, PAUSE_MS);
  }, [save]);
}
