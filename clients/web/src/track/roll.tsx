/** The piano roll: the notes of one stem over its waveform. */
import { useCallback } from "react";
import { setQuery, useAddress } from "../address";
import { useStore } from "../data/store";
import { themeColor } from "../parts/waveform";
import { plural } from "../parts/format";
import { theme } from "../theme";
import { Canvas, type Draw } from "./canvas";
import type { TrackController } from "./controller";
import { useWaveform, type SongData } from "./data";
import { drawRoll } from "./draw";
import { useSeekOnClick } from "./pointer";
import { stemColor, stemLabel, type Notes } from "./song";

export function RollLane({ song, track }: { song: SongData; track: TrackController }) {
  const { query } = useAddress();
  const stems = track.stems.filter((stem) => song.notes.has(stem));
  const wanted = /(?:^|,)notes:([a-z]+)/.exec(query.get("lanes") ?? "")?.[1];
  const stem = stems.find((name) => name === wanted) ?? preferred(stems);
  const notes = song.notes.get(stem);
  if (!notes) return null;
  return <Roll key={stem} {...{ song, track, stem, stems, notes }} />;
}

/** A melody is what people look for first. */
function preferred(stems: readonly string[]): string {
  return stems.find((stem) => stem === "vocals") ?? stems[0] ?? "";
}

function Roll({
  song,
  track,
  stem,
  stems,
  notes,
}: {
  song: SongData;
  track: TrackController;
  stem: string;
  stems: readonly string[];
  notes: Notes;
}) {
  const peaks = song.files.stems.find((files) => files.stem === stem)?.peaks ?? null;
  const { waveform, loaded } = useWaveform(peaks);
  const { view, grid } = track;
  const seek = useSeekOnClick(track);
  useStore(theme);
  const draw = useCallback<Draw>(
    (context, size) =>
      drawRoll(context, size, { notes, view, grid, waveform, color: themeColor(stemColor(stem)) }),
    // A waveform grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [notes, view, grid, waveform, loaded, stem],
  );
  const bends = notes.notes.some((note) => note.bends.length > 0);
  const name = stems.length > 1 ? null : `${stemLabel(stem)}, MIDI`;
  return (
    <>
      <div
        className="lane-head roll-head not-phone"
        style={{ "--stem": `var(--${stemColor(stem)})` } as React.CSSProperties}
      >
        <div className="stem-name">
          <span className="swatch" />
          {name ?? (
            <select
              aria-label="Notes of"
              value={stem}
              onChange={(event) => setQuery({ lanes: `notes:${event.target.value}` })}
            >
              {stems.map((option) => (
                <option key={option} value={option}>
                  {stemLabel(option)}, MIDI
                </option>
              ))}
            </select>
          )}
        </div>
        <div className="fg2">
          {plural(notes.notes.length, "note")}
          {bends ? ", with bends" : ""}
        </div>
      </div>
      <div className="lane roll-lane not-phone" {...seek}>
        <Canvas draw={draw} />
        <ol className="sr-only" aria-label={`Notes of ${stemLabel(stem)}`}>
          {notes.notes
            .filter(({ start, end }) => end > view.start && start < view.end)
            .map((note) => (
              <li key={`${note.start}-${note.pitch}`}>
                {note.name}, {note.start.toFixed(2)} s
              </li>
            ))}
        </ol>
      </div>
    </>
  );
}
