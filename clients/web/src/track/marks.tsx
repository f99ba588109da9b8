/** Lanes of what has a time and a name: sections, chords and words. */
import { useCallback, useMemo } from "react";
import type { TrackController } from "./controller";
import { useAtPlayhead } from "./now";
import { useSeekOnClick } from "./pointer";
import { chordLabel, type Chord, type Lyrics, type Section, type Word } from "./song";
import { shareOf, type View } from "./view";

/** Confidence below which something is marked as doubtful. */
const DOUBTFUL = 0.62;
const DOUBTFUL_WORD = 0.6;
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

export function SectionLane({
  sections,
  track,
}: {
  sections: readonly Section[];
  track: TrackController;
}) {
  const seek = useSeekOnClick(track);
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 24 }}>
        Sections
      </div>
      <ol className="lane not-phone" style={{ height: 24 }} aria-label="Sections" {...seek}>
        {inView(sections, track.view).map((section) => (
          <li
            key={section.start}
            className={sections.indexOf(section) % 2 ? "section alternate" : "section"}
            style={place(track.view, section.start, section.end)}
          >
            <b>{section.label}</b>
          </li>
        ))}
      </ol>
    </>
  );
}

export function ChordLane({ chords, track }: { chords: readonly Chord[]; track: TrackController }) {
  const { view } = track;
  const seek = useSeekOnClick(track);
  const isNamed = view.end - view.start <= MAX_NAMED;
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 26 }}>
        Chords
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
              {label?.root}
              {label?.suffix && <sub>{label.suffix}</sub>}
            </li>
          );
        })}
      </ol>
    </>
  );
}

export function LyricsLane({
  lyrics,
  track,
  item,
}: {
  lyrics: Lyrics;
  track: TrackController;
  item: string;
}) {
  const { view } = track;
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
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 40 }}>
        Lyrics
        <span className="fg2 language" title={removed > 0 ? `${removed} texts removed` : undefined}>
          {lyrics.language}
        </span>
      </div>
      <ol
        className="lane lyrics-lane"
        style={{ height: 40 }}
        aria-label="Lyrics"
        lang={lyrics.language}
        {...seek}
      >
        {shownWords(words, view).map((index) => {
          const word = words[index] as Word;
          const states = [
            "word",
            index === current && isSung ? "now" : index <= current ? "past" : "",
            word.confidence < DOUBTFUL_WORD ? "doubtful" : "",
          ];
          return (
            <li
              key={index}
              className={states.filter(Boolean).join(" ")}
              style={{ left: `${shareOf(view, word.start) * 100}%` }}
            >
              {word.text}
            </li>
          );
        })}
      </ol>
    </>
  );
}

/** Pixels of a letter, about. */
const LETTER = 7.4;

/** Indices of the words that fit beside each other. */
function shownWords(words: readonly Word[], view: View): number[] {
  const width = Math.max(300, window.innerWidth - (window.innerWidth > 1180 ? 420 : 152));
  const shown: number[] = [];
  let taken = -1;
  words.forEach((word, index) => {
    if (word.end < view.start || word.start > view.end) return;
    const left = shareOf(view, word.start) * width;
    if (left < taken) return;
    shown.push(index);
    taken = left + word.text.length * LETTER + 4;
  });
  return shown;
}
