/** The mixer, and beside it what the machine found and how the stems were made. */
import { useCallback, useRef } from "react";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { useTooltip } from "../keys/commands";
import { Link } from "../parts/link";
import type { TrackController } from "./controller";
import type { SongData } from "./data";
import { LevelSlider, PanKnob } from "./level";
import { levelLabel, stemOf } from "./mix";
import { useFrames } from "./now";
import { KeyReadings, LyricsFacts, TempoReadings } from "./readings";
import { stemColor, stemLabel } from "./song";
import { MuteSolo } from "./stem-head";

interface PaneProps {
  readonly song: SongData;
  readonly track: TrackController;
  readonly isOpen: boolean;
  onTap(): void;
  onLyrics(): void;
  onCuts(): void;
  saveTempo(bpm: number | null): void;
}

export function MixerPane({ song, track, isOpen, onTap, onLyrics, onCuts, saveTempo }: PaneProps) {
  return (
    <aside className={isOpen ? "mixer open" : "mixer"} aria-label="Mixer">
      {track.stems.length > 0 && <Strips track={track} />}
      <div className="facts-pane">
        <TempoReadings song={song} onTap={onTap} saveTempo={saveTempo} />
        <KeyReadings song={song} />
        <LyricsFacts song={song} onEdit={onLyrics} />
        <Cuts song={song} onEdit={onCuts} />
        <Making song={song} />
      </div>
    </aside>
  );
}

/** dB under full scale at which a meter is empty. */
const METER_FLOOR = 48;
/** How much a meter falls in a frame. */
const FALL = 0.02;

function meterShare(level: number): number {
  return Math.max(0, Math.min(1, 1 + (20 * Math.log10(Math.max(level, 1e-6))) / METER_FLOOR));
}

function Strips({ track }: { track: TrackController }) {
  const box = useRef<HTMLDivElement>(null);
  const shown = useRef(new Float32Array(64));
  useFrames(
    useCallback(() => {
      const stems = track.isLoaded ? player.mix.levels() : new Float32Array(0);
      const [left, right] = track.isLoaded ? player.levels() : [0, 0];
      const levels = [...stems, left, right];
      const isPlaying = player.state.get().playing;
      box.current?.querySelectorAll<HTMLElement>(".strip-meter i").forEach((bar, index) => {
        const target = isPlaying ? meterShare(levels[index] ?? 0) : 0;
        const value = Math.max(target, (shown.current[index] ?? 0) - FALL);
        if (value === shown.current[index]) return;
        shown.current[index] = value;
        bar.style.setProperty("--level", `${value * 100}%`);
      });
    }, [track.isLoaded]),
  );
  return (
    <div
      className={track.stems.length > 4 ? "mixer-strips many" : "mixer-strips"}
      ref={box}
      style={{ gridTemplateColumns: `repeat(${track.stems.length + 1}, minmax(0, 1fr))` }}
    >
      {track.stems.map((stem) => (
        <div
          key={stem}
          className="strip"
          role="group"
          aria-label={stemLabel(stem)}
          style={{ "--stem": `var(--${stemColor(stem)})` } as React.CSSProperties}
        >
          <span className="ellipsis strip-name">{stemLabel(stem)}</span>
          <PanKnob stem={stem} track={track} />
          <div className="fader">
            <LevelSlider stem={stem} track={track} className="fader-input" />
            <Meter />
          </div>
          <span className="fg1">{levelLabel(stemOf(track.mix, stem).level)}</span>
          <div className="mute-solo">
            <MuteSolo stem={stem} track={track} />
          </div>
        </div>
      ))}
      <MainStrip />
    </div>
  );
}

function Meter() {
  return (
    <span className="strip-meter" aria-hidden="true">
      <i />
      <i />
    </span>
  );
}

function MainStrip() {
  const { volume } = useStore(player.state);
  return (
    <div className="strip" role="group" aria-label="Main">
      <span className="strip-name">Main</span>
      <span className="knob-space" />
      <div className="fader">
        <input
          type="range"
          className="fader-input"
          min="0"
          max="1"
          step="0.01"
          value={volume}
          aria-label="Volume"
          onChange={(event) => player.setVolume(Number(event.target.value))}
        />
        <Meter />
      </div>
      <span className="fg1">
        {volume === 0 ? "−∞" : levelLabel(20 * Math.log10(volume * volume))}
      </span>
      <span className="fg2 strip-sides">LR</span>
    </div>
  );
}

function Cuts({ song, onEdit }: { song: SongData; onEdit: () => void }) {
  const { cuts } = song;
  const tip = useTooltip("track-cuts");
  const href = `/crate?src=${song.item.id}`;
  return (
    <section>
      <h3>
        Cut from this track <span>{cuts.oneShots + cuts.loops || "none yet"}</span>
      </h3>
      {cuts.oneShots > 0 && <Cut label="One-shots" count={cuts.oneShots} href={href} />}
      {cuts.loops > 0 && <Cut label="Loops" count={cuts.loops} href={href} />}
      <button type="button" className="btn small" title={tip} onClick={onEdit}>
        Edit the cuts
      </button>
    </section>
  );
}

function Cut({ label, count, href }: { label: string; count: number; href: string }) {
  return (
    <div className="cut">
      <span>{label}</span>
      <Link className="link" href={href}>
        {count}
      </Link>
    </div>
  );
}

function Making({ song }: { song: SongData }) {
  const result = song.results.get("separation") as
    | { weights?: string; precision?: string; residual_level_db?: number; residual?: string }
    | undefined;
  if (!result) return null;
  const residual = result.residual_level_db;
  const rest = song.files.stems.some(({ stem }) => stem === "accompaniment")
    ? "Accompaniment"
    : "Other";
  return (
    <section>
      <h3>How it was made</h3>
      <p className="t12 fg1">
        {[result.weights, result.precision].filter(Boolean).join(", ")}.
        {residual !== undefined &&
          ` Left over ${Math.round(residual).toString().replace("-", "−")} dB${
            result.residual === "other" ? `, added to ${rest}` : ""
          }.`}
      </p>
    </section>
  );
}
