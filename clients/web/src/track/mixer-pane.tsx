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
import { keyName, shareText, stemColor, stemLabel, type Analysis } from "./song";
import { MuteSolo } from "./stem-head";

interface PaneProps {
  readonly song: SongData;
  readonly track: TrackController;
  readonly isOpen: boolean;
  onTap(): void;
  saveTempo(bpm: number | null): void;
}

export function MixerPane({ song, track, isOpen, onTap, saveTempo }: PaneProps) {
  const { analysis } = song;
  return (
    <aside className={isOpen ? "mixer open" : "mixer"} aria-label="Mixer">
      {track.stems.length > 0 && <Strips track={track} />}
      <div className="facts-pane">
        {analysis?.tempo && (
          <Tempo song={song} tempo={analysis.tempo} onTap={onTap} saveTempo={saveTempo} />
        )}
        {analysis?.key && <Key song={analysis} />}
        <Cuts song={song} />
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

function Candidate({
  name,
  share,
  isBest,
  onChoose,
}: {
  name: string;
  share: number;
  isBest: boolean;
  onChoose?: () => void;
}) {
  const content = (
    <>
      <span>{name}</span>
      <i style={{ "--share": `${share * 100}%` } as React.CSSProperties} />
      <span className="num">{shareText(share)}</span>
    </>
  );
  const className = isBest ? "candidate best" : "candidate";
  if (!onChoose) return <div className={className}>{content}</div>;
  return (
    <button type="button" className={className} onClick={onChoose}>
      {content}
    </button>
  );
}

function Tempo({
  song,
  tempo,
  onTap,
  saveTempo,
}: {
  song: SongData;
  tempo: NonNullable<Analysis["tempo"]>;
  onTap: () => void;
  saveTempo: (bpm: number | null) => void;
}) {
  const tapTip = useTooltip("track-tap");
  const bpm = song.item.bpm ?? tempo.bpm;
  const isOurs = Math.abs(bpm - tempo.bpm) > 0.05;
  return (
    <section>
      <h3>
        Tempo <span>BPM</span>
      </h3>
      {isOurs && <Yours name={bpm.toFixed(1)} machine={tempo.bpm.toFixed(1)} />}
      {tempo.candidates.slice(0, 3).map((candidate, index) => (
        <Candidate
          key={candidate.bpm}
          name={candidate.bpm.toFixed(1)}
          share={candidate.weight}
          isBest={!isOurs && index === 0}
          onChoose={() => saveTempo(candidate.bpm)}
        />
      ))}
      <div className="tempo-buttons">
        <button type="button" className="btn small" onClick={() => saveTempo(bpm * 2)}>
          ×2
        </button>
        <button type="button" className="btn small" onClick={() => saveTempo(bpm / 2)}>
          ÷2
        </button>
        <button type="button" className="btn small" title={tapTip} onClick={onTap}>
          Tap
        </button>
      </div>
    </section>
  );
}

/** A value that a person set; the machine's stays one look away. */
function Yours({ name, machine }: { name: string; machine: string }) {
  return (
    <div className="candidate best">
      <span>{name}</span>
      <span className="fg2 yours-note">Cratedig says {machine}</span>
    </div>
  );
}

function Key({ song }: { song: Analysis }) {
  if (!song.key) return null;
  const { best, second } = song.key;
  return (
    <section>
      <h3>
        Key <span>runner-up shown</span>
      </h3>
      {[best, second].map((reading, index) => (
        <Candidate
          key={reading.key}
          name={`${keyName(reading.key)}, ${reading.camelot}`}
          share={reading.confidence}
          isBest={index === 0}
        />
      ))}
    </section>
  );
}

function Cuts({ song }: { song: SongData }) {
  const { cuts } = song;
  if (cuts.oneShots + cuts.loops === 0) return null;
  const href = `/crate?src=${song.item.id}`;
  return (
    <section>
      <h3>
        Cut from this track <span>{cuts.oneShots + cuts.loops}</span>
      </h3>
      {cuts.oneShots > 0 && <Cut label="One-shots" count={cuts.oneShots} href={href} />}
      {cuts.loops > 0 && <Cut label="Loops" count={cuts.loops} href={href} />}
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
