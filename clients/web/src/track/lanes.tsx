/** The lanes of a track over one timeline. */
import { useCallback, useRef } from "react";
import { Icon } from "../parts/icon";
import { Canvas, type Draw } from "./canvas";
import type { TrackController } from "./controller";
import { useWaveform, type SongData } from "./data";
import { drawOverview, drawRuler } from "./draw";
import { ChordLane, LyricsLane, SectionLane } from "./marks";
import { beatLabel } from "./grid";
import { isHeard } from "./mix";
import { playhead, useFrames } from "./now";
import { RollLane } from "./roll";
import { cleannessOf, stemColor, stemLabel, type Artifact, type StemFiles } from "./song";
import { SpectrumButton } from "./spectrum-button";
import { StemHead } from "./stem-head";
import { useRulerDrag, useWheel } from "./pointer";
import { shareOf } from "./view";
import { WHOLE, WaveLane } from "./wave-lane";

export interface LanesProps {
  readonly song: SongData;
  readonly track: TrackController;
  readonly focused: number;
  setFocused(index: number): void;
}

export function Lanes({ song, track, focused, setFocused }: LanesProps) {
  const lanes = useRef<HTMLDivElement>(null);
  useWheel(lanes, track);
  const { analysis, lyrics, notes, files } = song;
  const stems = files.stems;
  const clean = cleannessOf(song.results.get("separation"));
  return (
    <div className="lanes-scroll">
      <div
        className="lanes"
        ref={lanes}
        style={{ "--stems": Math.max(1, stems.length) } as React.CSSProperties}
      >
        <Overview song={song} track={track} />
        <Ruler track={track} />
        {analysis && analysis.sections.length > 0 && (
          <SectionLane song={song} sections={analysis.sections} track={track} />
        )}
        {analysis && analysis.chords.length > 0 && (
          <ChordLane song={song} chords={analysis.chords} track={track} />
        )}
        {stems.map((stem, index) => (
          <StemLane
            key={stem.stem}
            stem={stem}
            original={files.canonical}
            index={index}
            track={track}
            clean={clean.get(stem.stem)}
            isOwn={song.hasOwnStems}
            isFocused={index === focused}
            onFocus={() => setFocused(index)}
          />
        ))}
        {stems.length === 0 && <WholeLane song={song} track={track} />}
        {lyrics && <LyricsLane song={song} lyrics={lyrics} track={track} />}
        {notes.size > 0 && <RollLane song={song} track={track} />}
        <LoopZone track={track} />
        <Playhead item={song.item.id} track={track} />
      </div>
    </div>
  );
}

function Overview({ song, track }: { song: SongData; track: TrackController }) {
  const { waveform, loaded } = useWaveform(song.files.peaks);
  const { view, duration, grid } = track;
  const draw = useCallback<Draw>(
    (context, size) => drawOverview(context, size, { waveform, view, duration }),
    // A waveform grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [waveform, loaded, view, duration],
  );
  const line = useRef<HTMLSpanElement>(null);
  useFrames(
    useCallback(() => {
      const seconds = playhead(song.item.id);
      if (!line.current) return;
      line.current.style.display = seconds === null ? "none" : "";
      line.current.style.left = `${((seconds ?? 0) / duration) * 100}%`;
    }, [song.item.id, duration]),
  );
  const center = (event: React.PointerEvent<HTMLElement>): void => {
    const box = event.currentTarget.getBoundingClientRect();
    const middle = ((event.clientX - box.left) / box.width) * duration;
    track.setView(({ start, end }) => {
      const half = (end - start) / 2;
      return { start: middle - half, end: middle + half };
    });
  };
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 36 }}>
        <span className="fg2">
          {grid.isMusical ? `${grid.count(duration)} bars` : "Whole song"}
        </span>
      </div>
      <div
        className="lane overview"
        style={{ height: 36 }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          center(event);
        }}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) center(event);
        }}
      >
        <Canvas draw={draw} />
        <span className="overview-playhead" ref={line} />
      </div>
    </>
  );
}

function Ruler({ track }: { track: TrackController }) {
  const { grid, view, loop, isLooping } = track;
  const draw = useCallback<Draw>(
    (context, size) =>
      drawRuler(context, size, { grid, view, loop: loop && { ...loop, on: isLooping } }),
    [grid, view, loop, isLooping],
  );
  const handlers = useRulerDrag(track);
  return (
    <>
      <div className="lane-head not-phone" style={{ height: 26 }}>
        <Icon name="magnet" />
        {grid.isMusical ? "Snaps to bars" : "Snaps to seconds"}
      </div>
      <div
        className="lane ruler"
        style={{ height: 26 }}
        title="Drag for a loop, click to jump; Alt for any place between the bars"
        {...handlers}
      >
        <Canvas draw={draw} />
      </div>
    </>
  );
}

function StemLane({
  stem,
  original,
  index,
  track,
  clean,
  isOwn,
  isFocused,
  onFocus,
}: {
  stem: StemFiles;
  /** The song before its separation, whose spectrogram is shown while it is heard. */
  original: Artifact | null;
  index: number;
  track: TrackController;
  clean: number | undefined;
  isOwn: boolean;
  isFocused: boolean;
  onFocus: () => void;
}) {
  const heard = isHeard(track.mix, stem.stem);
  return (
    <section
      className={`stem-lane ${heard ? "" : "muted"}`}
      aria-label={stemLabel(stem.stem)}
      style={{ "--stem": `var(--${stemColor(stem.stem)})` } as React.CSSProperties}
    >
      <StemHead
        stem={stem.stem}
        index={index}
        track={track}
        clean={clean}
        isOwn={isOwn}
        isFocused={isFocused}
        onFocus={onFocus}
      />
      <WaveLane
        name={stem.stem}
        peaks={stem.peaks}
        audio={track.hearsOriginal ? original : stem.audio}
        color={stemColor(stem.stem)}
        track={track}
      />
    </section>
  );
}

function WholeLane({ song, track }: { song: SongData; track: TrackController }) {
  return (
    <section className="stem-lane" aria-label="Original">
      <div className="lane-head stem-head">
        <div className="stem-name">
          Original
          <SpectrumButton name={WHOLE} label="Original" />
        </div>
        <div className="t11 fg2">Not separated yet</div>
      </div>
      <WaveLane
        name={WHOLE}
        peaks={song.files.peaks}
        audio={song.files.canonical}
        color="wave"
        track={track}
      />
    </section>
  );
}

function LoopZone({ track }: { track: TrackController }) {
  const { view, loop, isLooping } = track;
  if (!loop || !isLooping || loop.end < view.start || loop.start > view.end) return null;
  const [start, end] = [
    Math.max(0, shareOf(view, loop.start)),
    Math.min(1, shareOf(view, loop.end)),
  ];
  return (
    <div
      className="loop-zone"
      aria-hidden="true"
      style={{ "--from": start, "--to": end } as React.CSSProperties}
    />
  );
}

function Playhead({ item, track }: { item: string; track: TrackController }) {
  const line = useRef<HTMLDivElement>(null);
  const { view, grid, duration } = track;
  useFrames(
    useCallback(() => {
      const element = line.current;
      if (!element) return;
      const seconds = playhead(item);
      const share = shareOf(view, seconds ?? -1);
      const isShown = seconds !== null && share >= 0 && share <= 1;
      element.style.visibility = isShown ? "visible" : "hidden";
      if (seconds === null) return;
      element.style.setProperty("--at", String(share));
      const text = `${beatLabel(grid, seconds)}, ${seconds.toFixed(1)} s`;
      if (element.getAttribute("aria-valuetext") === text) return;
      element.setAttribute("aria-valuenow", seconds.toFixed(1));
      element.setAttribute("aria-valuetext", text);
    }, [item, view, grid]),
  );
  return (
    <div
      ref={line}
      className="playhead"
      role="slider"
      tabIndex={0}
      aria-label="Playhead"
      aria-valuemin={0}
      aria-valuemax={Math.round(duration)}
      aria-valuenow={0}
    />
  );
}
