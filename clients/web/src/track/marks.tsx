/** Lanes of what has a time and a name: sections, chords and words. */
import { useCallback, useMemo } from "react";
import type { CorrectionField } from "../data/corrections";
import { runCommand, useTooltip } from "../keys/commands";
import { Editable } from "../parts/editable";
import { Icon } from "../parts/icon";
import { textWidth } from "../parts/text-width";
import type { TrackController } from "./controller";
import { chordText } from "./corrected";
import type { SongData } from "./data";
import { saveChord, saveSection, saveWords, takeBack } from "./edits";
import { useAtPlayhead } from "./now";
import { useSeekOnClick } from "./pointer";
import { chordLabel, type Chord, type Lyrics, type Section } from "./song";
import { shareOf, type View } from "./view";
import { placeWords } from "./words";

/** Confidence below which something is marked as doubtful. */
const DOUBTFUL = 0.62;
const DOUBTFUL_WORD = 0.6;
/** Font of a word; the one that is sung is bold, for which the gap after it has room. */
const WORD_FONT = "14px";
/** Share of the view that a chord's name needs. */
const MIN_ROOM = 0.02;
/** Widest view in which chords and words are named, in seconds. */
const MAX_NAMED = 180;

function place(view: View, start: number, end: number): React.CSSProperties {
  const from = Math.max(0, shareOf(view, start));
  const to = Math.min(1, shareOf(view, end));
  return { left: `${from * 100}%`, width: `${(to - from) * 100}%` };
}

function inView<T extends { start: number; end: number }>(marks: readonly T[], view: View): T[] {
  return marks.filter(({ start, end }) => end > view.start && start < view.end);
}

/** Buttons that split and remove what stands at the playhead. */
function LaneTools({ what }: { what: "chord" | "section" }) {
  const [split, remove] = [useTooltip(`track-${what}-split`), useTooltip(`track-${what}-remove`)];
  return (
    <span className="lane-tools">
      <button
        type="button"
        className="icon-btn small"
        aria-label={`Split the ${what} at the playhead`}
        title={split}
        onClick={() => runCommand(`track-${what}-split`)}
      >
        <Icon name="split" />
      </button>
      <button
        type="button"
        className="icon-btn small"
        aria-label={`Remove the ${what} at the playhead`}
        title={remove}
        onClick={() => runCommand(`track-${what}-remove`)}
      >
        <Icon name="close" />
      </button>
    </span>
  );
}

/** Says that the lane is the user's; a click shows what the machine found again. */
export function Yours({
  song,
  field,
  what = field,
}: {
  song: SongData;
  field: CorrectionField;
  /** What they are called, such as `notes`. */
  what?: string;
}) {
  if (!song.corrections.has(field)) return null;
  return (
    <button
      type="button"
      className="link lane-yours"
      title={`Your ${what}. Click for what Cratedig found`}
      onClick={() => takeBack(song, field)}
    >
      yours
    </button>
  );
}

export function SectionLane({
  song,
  sections,
  track,
}: {
  song: SongData;
  sections: readonly Section[];
  track: TrackController;
}) {
  const seek = useSeekOnClick(track);
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 24 }}>
        Sections
        <LaneTools what="section" />
        <Yours song={song} field="sections" />
      </div>
      <ol className="lane not-phone" style={{ height: 24 }} aria-label="Sections" {...seek}>
        {inView(sections, track.view).map((section) => (
          <li
            key={section.start}
            className={sections.indexOf(section) % 2 ? "section alternate" : "section"}
            style={place(track.view, section.start, section.end)}
          >
            <Editable
              label="Section"
              value={section.label}
              onSave={(text) => saveSection(song, section, text)}
            >
              <b>{section.label}</b>
            </Editable>
            {section.role && <span title="An estimate"> {section.role}</span>}
          </li>
        ))}
      </ol>
    </>
  );
}

export function ChordLane({
  song,
  chords,
  track,
}: {
  song: SongData;
  chords: readonly Chord[];
  track: TrackController;
}) {
  const { view } = track;
  const seek = useSeekOnClick(track);
  const isNamed = view.end - view.start <= MAX_NAMED;
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 26 }}>
        Chords
        <LaneTools what="chord" />
        <Yours song={song} field="chords" />
      </div>
      <ol className="lane" style={{ height: 26 }} aria-label="Chords" {...seek}>
        {inView(chords, view).map((chord) => {
          const from = Math.max(view.start, chord.start);
          const hasRoom = Math.min(view.end, chord.end) - from > (view.end - view.start) * MIN_ROOM;
          const label = isNamed && hasRoom ? chordLabel(chord.chord) : null;
          return (
            <li
              key={chord.start}
              className={chord.confidence < DOUBTFUL ? "chord doubtful" : "chord"}
              style={place(view, chord.start, chord.end)}
            >
              {isNamed && hasRoom && (
                <Editable
                  label="Chord"
                  value={chordText(chord.chord)}
                  onSave={(text) => saveChord(song, chord, text)}
                >
                  {label?.root}
                  {label?.suffix && <sub>{label.suffix}</sub>}
                </Editable>
              )}
            </li>
          );
        })}
      </ol>
    </>
  );
}

export function LyricsLane({
  song,
  lyrics,
  track,
}: {
  song: SongData;
  lyrics: Lyrics;
  track: TrackController;
}) {
  const { view } = track;
  const item = song.item.id;
  const words = useMemo(() => lyrics.lines.flatMap((line) => line.words), [lyrics]);
  const current = useAtPlayhead(
    item,
    useCallback(
      (seconds: number | null) =>
        seconds === null ? -1 : words.findLastIndex(({ start }) => start <= seconds),
      [words],
    ),
  );
  const seek = useSeekOnClick(track);
  const isSung = useAtPlayhead(
    item,
    useCallback(
      (seconds: number | null) => {
        const word = words.findLast(({ start }) => start <= (seconds ?? -1));
        return word !== undefined && (seconds ?? 0) < word.end + 0.25;
      },
      [words],
    ),
  );
  const removed = lyrics.removed.length;
  const placed = placeWords(lyrics.lines, view, laneWidth(), (text) => textWidth(text, WORD_FONT));
  const save = (shown: readonly number[], text: string): void => {
    let first = 0;
    for (const line of lyrics.lines) {
      const place = (shown[0] ?? -1) - first;
      if (place >= 0 && place < line.words.length) {
        saveWords(song, line, { text, place: shown.length > 1 ? null : place });
        return;
      }
      first += line.words.length;
    }
  };
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 40 }}>
        Lyrics
        <span className="fg2 language" title={removed > 0 ? `${removed} texts removed` : undefined}>
          {lyrics.language}
        </span>
        <Yours song={song} field="words" />
      </div>
      <ol
        className="lane lyrics-lane"
        style={{ height: 40 }}
        aria-label="Lyrics"
        lang={lyrics.language}
        {...seek}
      >
        {placed.map(({ words: shown, text, left, width }) => {
          const last = shown.at(-1) ?? 0;
          const states = [
            "word",
            isSung && shown.includes(current) ? "now" : last <= current ? "past" : "",
            shown.some((index) => (words[index]?.confidence ?? 1) < DOUBTFUL_WORD)
              ? "doubtful"
              : "",
            width === null ? "" : "ellipsis",
          ];
          return (
            <li
              key={shown[0]}
              className={states.filter(Boolean).join(" ")}
              style={{ left, maxWidth: width ?? undefined }}
            >
              <Editable
                label="Words"
                value={text}
                title={width === null ? undefined : text}
                onSave={(changed) => save(shown, changed)}
              >
                {text}
              </Editable>
            </li>
          );
        })}
      </ol>
    </>
  );
}

/** Pixels of the lane: the window without the lanes' heads and the mixer, where they are shown. */
function laneWidth(): number {
  const beside = window.innerWidth > 1180 ? 420 : window.innerWidth > 640 ? 152 : 0;
  return window.innerWidth - beside;
}
