/** The piano roll: the notes of one stem over its waveform, read, heard and edited. */
import { useCallback, useEffect, useMemo, useState } from "react";
import { setQuery, useAddress } from "../address";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { useKeys } from "../keys/commands";
import { themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { Canvas, type Draw } from "./canvas";
import type { TrackController } from "./controller";
import { useWaveform, type SongData } from "./data";
import { drawRoll, rollRange } from "./draw-roll";
import { useNoteEditor } from "./note-editor";
import { useSeekOnClick } from "./pointer";
import { RollHead } from "./roll-head";
import { stemColor, stemLabel, type Note, type Notes } from "./song";
import { useThresholds } from "./thresholds";

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
  const [isEditing, setEditing] = useState(false);
  const thresholds = useThresholds(song, stem, track);
  const { draft } = thresholds;
  const read = thresholds.notes ?? notes;
  // Notes that come and go with a slider leave the rows where they are.
  const range = useMemo(
    () => rollRange([...notes.notes, ...(thresholds.notes?.notes ?? [])]),
    [notes, thresholds.notes],
  );
  const editor = useNoteEditor({
    ...{ song, track, stem, range, notes: read },
    isEditing: isEditing && draft === null,
  });
  const { shown } = editor;
  const [isHeard, hear] = useHeardNotes(track, stem, stems, shown.notes);
  useKeys({
    "track-notes-hear": () => hear(!isHeard),
    "track-notes-edit": () => setEditing((editing) => !editing),
  });
  const peaks = song.files.stems.find((files) => files.stem === stem)?.peaks ?? null;
  const { waveform, loaded } = useWaveform(peaks);
  const { view, grid } = track;
  const seek = useSeekOnClick(track);
  useStore(theme);
  const draw = useCallback<Draw>(
    (context, size) =>
      drawRoll(context, size, {
        ...{ notes: shown.notes, selected: shown.selected, range, view, grid, waveform },
        color: themeColor(stemColor(stem)),
      }),
    // A waveform grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [shown.notes, shown.selected, range, view, grid, waveform, loaded, stem],
  );
  const isOpen = isEditing && draft === null;
  return (
    <>
      <RollHead
        {...{ song, stem, stems, thresholds, isHeard, hear }}
        notes={shown.notes}
        isEditing={isOpen}
        setEditing={setEditing}
      />
      <div
        className={isOpen ? "lane roll-lane editing not-phone" : "lane roll-lane not-phone"}
        {...(isOpen ? editor.handlers : seek)}
      >
        <Canvas draw={draw} />
        {isOpen && (
          <span className="lane-note" role="status">
            {selectionText(shown.notes, shown.selected)}
          </span>
        )}
        <ol className="sr-only" aria-label={`Notes of ${stemLabel(stem)}`}>
          {shown.notes
            .filter(({ start, end }) => end > view.start && start < view.end)
            .map((note, index) => (
              <li key={`${note.start}-${note.pitch}-${index}`}>
                {note.name}, {note.start.toFixed(2)} s
              </li>
            ))}
        </ol>
      </div>
    </>
  );
}

function selectionText(notes: readonly Note[], selected: ReadonlySet<number>): string {
  const [first] = selected;
  const note = notes[first ?? -1];
  if (!note) return "Click to add a note; drag notes and their ends; double-click to delete.";
  if (selected.size > 1) return `${selected.size} notes`;
  const length = Math.round((note.end - note.start) * 1000);
  return `${note.name}, ${note.start.toFixed(2)} s, ${length} ms, velocity ${note.velocity}`;
}

/** Hear the notes of a stem in place of its audio, as the address says. */
function useHeardNotes(
  track: TrackController,
  stem: string,
  stems: readonly string[],
  notes: readonly Note[],
): [isHeard: boolean, hear: (notes: boolean) => void] {
  const { query } = useAddress();
  const { duration } = useStore(player.state);
  const isHeard = query.get("midi") === stem && stems.includes(stem);
  const { isLoaded, stems: all, hearsOriginal } = track;
  const index = all.indexOf(stem);
  useEffect(() => {
    if (!isLoaded) return;
    const played = Float64Array.from(
      notes.flatMap(({ start, end, pitch, velocity }) => [start, end, pitch, velocity]),
    );
    const isDrums = stem === "drums";
    player.mix.hearNotes(isHeard ? { stem: index, isDrums, notes: played } : null);
    // A song that was opened anew has a new mixer.
  }, [isLoaded, isHeard, index, stem, notes, duration]);
  useEffect(() => () => player.mix.hearNotes(null), []);
  const hear = (wanted: boolean): void =>
    setQuery({ midi: wanted ? stem : null, ...(wanted && hearsOriginal && { hear: null }) });
  return [isHeard && !hearsOriginal, hear];
}
