/** The page of a loaded track. */
import { useState } from "react";
import { setQuery, useAddress } from "../address";
import { exportItems } from "../export/open";
import { useKeys } from "../keys/commands";
import { player } from "../audio/player";
import { useTrack } from "./controller";
import type { SongData } from "./data";
import { TrackHead } from "./head";
import {
  removeChord,
  removeSection,
  splitChord,
  splitSection,
  useTap,
  useTempoEdit,
} from "./edits";
import { Lanes } from "./lanes";
import { CutsEditor, WHOLE_SONG } from "./cuts-editor";
import { LyricsEditor } from "./lyrics-editor";
import { changeStem, clearSolos, solo, stemOf } from "./mix";
import { MixerPane } from "./mixer-pane";
import { playhead } from "./now";
import { toggleSpectrum } from "./spectrum-button";
import { zoom } from "./view";
import { WHOLE } from "./wave-lane";

export function TrackPage({ song }: { song: SongData }) {
  const track = useTrack(song);
  const [focused, setFocused] = useState(0);
  const [isMixerOpen, setMixerOpen] = useState(false);
  const [isRenaming, setRenaming] = useState(false);
  const [isEditingLyrics, setEditingLyrics] = useState(false);
  const isEditingCuts = useAddress().query.has("cuts");
  const editCuts = (): void => {
    const name = track.stems.includes("drums") ? "drums" : WHOLE_SONG;
    setQuery({ cuts: isEditingCuts ? null : name, cut: null });
  };
  const saveTempo = useTempoEdit(song);
  const tap = useTap(saveTempo);
  const { grid, duration, stems, mix } = track;
  const stem = stems[Math.min(focused, stems.length - 1)];
  const here = (): number => playhead(song.item.id) ?? track.view.start;
  const step = (direction: -1 | 1, unit: "beat" | "bar"): void =>
    track.seek(grid.step(here(), direction, unit));
  const onStem = (change: (stem: string) => typeof mix): void => {
    if (stem !== undefined) track.changeMix(change(stem));
  };
  const setEdge = (edge: "start" | "end"): void => {
    const at = grid.snap(here());
    const bar = grid.toSeconds(grid.toBar(at) + 1) - at;
    const loop = track.loop ?? { start: at, end: at + bar };
    const next = { ...loop, [edge]: at };
    if (next.end > next.start) track.setLoop(next);
    else track.setLoop(edge === "start" ? { start: at, end: at + bar } : { start: 0, end: at });
  };
  useKeys({
    "track-beat-back": () => step(-1, "beat"),
    "track-beat-on": () => step(1, "beat"),
    "track-bar-back": () => step(-1, "bar"),
    "track-bar-on": () => step(1, "bar"),
    "track-start": () => track.seek(0),
    "track-end": () => track.seek(grid.step(duration, -1, "bar")),
    "track-loop": () => player.setLoop(!player.state.get().loop),
    "track-loop-start": () => setEdge("start"),
    "track-loop-end": () => setEdge("end"),
    "track-loop-clear": () => track.setLoop(null),
    "track-zoom-in": () => track.setView((view) => zoom(view, 1.5, here(), duration)),
    "track-zoom-out": () => track.setView((view) => zoom(view, 1 / 1.5, here(), duration)),
    "track-fit": () => track.setView(() => ({ start: 0, end: duration })),
    export: () => exportItems([song.item]),
    "track-mixer": () => setMixerOpen((open) => !open),
    "track-rename": () => setRenaming(true),
    "track-tap": tap,
    "track-spectrum": () => toggleSpectrum(stem ?? WHOLE),
    "track-lyrics": () => setEditingLyrics(true),
    "track-cuts": editCuts,
    "track-chord-split": () => splitChord(song, here(), duration),
    "track-chord-remove": () => removeChord(song, here()),
    "track-section-split": () => splitSection(song, here(), duration),
    "track-section-remove": () => removeSection(song, here()),
    ...(stem !== undefined && {
      "track-stem-previous": () => setFocused(Math.max(0, focused - 1)),
      "track-stem-next": () => setFocused(Math.min(stems.length - 1, focused + 1)),
      "track-mute": () =>
        onStem((name) => changeStem(mix, name, { muted: !stemOf(mix, name).muted })),
      "track-solo": () => onStem((name) => solo(mix, name, { add: false })),
      "track-solo-add": () => onStem((name) => solo(mix, name, { add: true })),
      "track-solo-clear": () => track.changeMix(clearSolos(mix)),
      "track-hear": () => track.hearOriginal(!track.hearsOriginal),
      ...Object.fromEntries(
        stems.slice(0, 6).map((_, index) => [`track-stem-${index + 1}`, () => setFocused(index)]),
      ),
    }),
    ...(isMixerOpen && { close: () => setMixerOpen(false) }),
  });
  return (
    <main className="track" aria-label={song.item.name}>
      <TrackHead
        song={song}
        track={track}
        isRenaming={isRenaming}
        setRenaming={setRenaming}
        saveTempo={saveTempo}
      />
      <div className="track-body">
        <Lanes song={song} track={track} focused={focused} setFocused={setFocused} />
        {isEditingLyrics && <LyricsEditor song={song} onClose={() => setEditingLyrics(false)} />}
        {isEditingCuts && <CutsEditor song={song} track={track} />}
        <MixerPane
          song={song}
          track={track}
          isOpen={isMixerOpen}
          onTap={tap}
          onLyrics={() => setEditingLyrics(true)}
          onCuts={editCuts}
          saveTempo={saveTempo}
        />
      </div>
    </main>
  );
}
