/** The editor of the lyrics: the text line by line, and the start of each word by Space. */
import { useEffect, useMemo, useRef, useState } from "react";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { Icon } from "../parts/icon";
import type { SongData } from "./data";
import { saveLines, takeBack } from "./edits";
import { lineOf, relines, stamped } from "./lyric-text";
import { playhead } from "./now";
import type { LyricLine } from "./song";

/** Seconds of sound before the word that is stamped next. */
const LEAD = 2;

function textOf(lines: readonly LyricLine[]): string {
  return lines.map(({ words }) => words.map(({ text }) => text.trim()).join(" ")).join("\n");
}

export function LyricsEditor({ song, onClose }: { song: SongData; onClose: () => void }) {
  const duration = song.item.audio?.duration ?? 0;
  const [lines, setLines] = useState<readonly LyricLine[]>(() => song.lyrics?.lines ?? []);
  const [text, setText] = useState(() => textOf(lines));
  const [isStamping, setStamping] = useState(false);
  const save = (timed: readonly LyricLine[]): void => {
    saveLines(song, timed, "Words saved");
    onClose();
  };
  return (
    <section
      className="lyrics-editor"
      role="dialog"
      aria-label="Lyrics"
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.stopPropagation();
        onClose();
      }}
    >
      <div className="row lyrics-editor-head">
        <h2>Lyrics</h2>
        <span className="fg2 t12">
          {isStamping
            ? "Space at the start of each word, while it plays. Backspace goes a word back."
            : "One line of the song on each line. Unchanged lines keep their times."}
        </span>
        <span className="grow" />
        {song.corrections.has("words") && (
          <button
            type="button"
            className="btn quiet"
            onClick={() => {
              takeBack(song, "words");
              onClose();
            }}
          >
            What Cratedig found
          </button>
        )}
        <button
          type="button"
          className="btn"
          onClick={() => {
            if (isStamping) setText(textOf(lines));
            else setLines(relines(lines, text, duration));
            setStamping(!isStamping);
          }}
        >
          {isStamping ? "Edit the text" : "Stamp the times"}
        </button>
        <button
          type="button"
          className="btn primary"
          onClick={() => save(isStamping ? lines : relines(lines, text, duration))}
        >
          Save
        </button>
        <button type="button" className="icon-btn" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {isStamping ? (
        <Stamps song={song} lines={lines} onLines={setLines} />
      ) : (
        <textarea
          className="lyrics-text"
          aria-label="Text of the lyrics"
          value={text}
          spellCheck={false}
          autoFocus
          onChange={(event) => setText(event.target.value)}
        />
      )}
    </section>
  );
}

function Stamps({
  song,
  lines,
  onLines,
}: {
  song: SongData;
  lines: readonly LyricLine[];
  onLines: (lines: readonly LyricLine[]) => void;
}) {
  const [next, setNext] = useState(0);
  const { playing } = useStore(player.state);
  const words = useMemo(() => lines.flatMap((line) => line.words), [lines]);
  /** Place of the first word of each line among all words. */
  const starts = useMemo(
    () =>
      lines.map((_, place) =>
        lines.slice(0, place).reduce((sum, line) => sum + line.words.length, 0),
      ),
    [lines],
  );
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), []);
  useEffect(() => {
    box.current?.querySelector(".stamp-next")?.scrollIntoView({ block: "nearest" });
  }, [next]);
  const playFrom = (index: number): void => {
    player.seek(Math.max(0, (words[index]?.start ?? 0) - LEAD));
    void player.play();
  };
  const stamp = (): void => {
    const seconds = playhead(song.item.id);
    if (seconds === null || next >= words.length) return;
    const changed = stamped(words, next, seconds);
    let first = 0;
    onLines(
      lines.map((line) => {
        first += line.words.length;
        return lineOf(changed.slice(first - line.words.length, first));
      }),
    );
    setNext(next + 1);
  };
  return (
    <div
      ref={box}
      className="stamps"
      tabIndex={0}
      role="group"
      aria-label={`Times of the words. Next: ${words[next]?.text ?? "none"}`}
      onKeyDown={(event) => {
        if (event.key === " ") {
          if (playing) stamp();
          else playFrom(next);
        } else if (event.key === "Backspace") setNext(Math.max(0, next - 1));
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      {lines.map((line, place) => (
        <p key={place}>
          {line.words.map((word, offset) => {
            const own = (starts[place] ?? 0) + offset;
            const state = own === next ? "stamp-next" : own < next ? "stamp-done" : "";
            return (
              <button
                key={own}
                type="button"
                className={`stamp ${state}`}
                tabIndex={-1}
                title={`${word.start.toFixed(2)} s`}
                onClick={() => {
                  setNext(own);
                  box.current?.focus();
                }}
              >
                {word.text}
              </button>
            );
          })}
        </p>
      ))}
    </div>
  );
}
