/** Faders and knobs of the mixer. */
import { useRef } from "react";
import type { TrackController } from "./controller";
import { MAX_LEVEL, MIN_LEVEL, changeStem, levelLabel, stemOf } from "./mix";
import { stemLabel } from "./song";

/** Share of a fader's way at which a level in dB lies: 0 dB at four fifths. */
export function shareOfLevel(level: number): number {
  if (level <= MIN_LEVEL) return 0;
  return level >= 0 ? 0.8 + (level / MAX_LEVEL) * 0.2 : 0.8 * (1 - level / MIN_LEVEL) ** 2;
}

export function levelOfShare(share: number): number {
  if (share <= 0) return MIN_LEVEL;
  if (share >= 0.8) return ((share - 0.8) / 0.2) * MAX_LEVEL;
  return MIN_LEVEL * (1 - Math.sqrt(share / 0.8));
}

export function LevelSlider({
  stem,
  track,
  className,
}: {
  stem: string;
  track: TrackController;
  className: string;
}) {
  const { level } = stemOf(track.mix, stem);
  const share = shareOfLevel(level);
  const setLevel = (next: number): void =>
    track.changeMix(
      changeStem(track.mix, stem, { level: Math.max(MIN_LEVEL, Math.min(MAX_LEVEL, next)) }),
    );
  return (
    <input
      type="range"
      className={className}
      min="0"
      max="1"
      step="0.005"
      value={share}
      style={{ "--value": `${share * 100}%` } as React.CSSProperties}
      aria-label={`Level of ${stemLabel(stem)}`}
      aria-valuetext={`${levelLabel(level)} dB`}
      title="Double-click for 0 dB"
      onChange={(event) => setLevel(Math.round(levelOfShare(Number(event.target.value)) * 10) / 10)}
      onDoubleClick={() => setLevel(0)}
      onWheel={(event) => setLevel(level - Math.sign(event.deltaY) * (event.shiftKey ? 0.1 : 1))}
    />
  );
}

/** Pixels of a drag from the middle to one side. */
const DRAG = 60;

export function PanKnob({ stem, track }: { stem: string; track: TrackController }) {
  const { pan } = stemOf(track.mix, stem);
  const held = useRef<{ y: number; pan: number } | null>(null);
  const setPan = (next: number): void => {
    // The middle holds a little, so that it is easy to find.
    const value = Math.abs(next) < 0.04 ? 0 : Math.max(-1, Math.min(1, next));
    track.changeMix(changeStem(track.mix, stem, { pan: Math.round(value * 100) / 100 }));
  };
  const side = pan < 0 ? "left" : "right";
  return (
    <div
      className="knob"
      role="slider"
      tabIndex={0}
      aria-label={`Pan of ${stemLabel(stem)}`}
      aria-valuemin={-100}
      aria-valuemax={100}
      aria-valuenow={Math.round(pan * 100)}
      aria-valuetext={pan === 0 ? "middle" : `${Math.abs(Math.round(pan * 100))} ${side}`}
      title="Drag up and down; double-click for the middle"
      style={{ "--turn": `${pan * 135}deg` } as React.CSSProperties}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        held.current = { y: event.clientY, pan };
      }}
      onPointerMove={(event) => {
        if (held.current && event.currentTarget.hasPointerCapture(event.pointerId))
          setPan(held.current.pan + (held.current.y - event.clientY) / DRAG);
      }}
      onPointerUp={() => {
        held.current = null;
      }}
      onDoubleClick={() => setPan(0)}
      onKeyDown={(event) => {
        const steps: Readonly<Record<string, number>> = {
          ArrowLeft: -0.1,
          ArrowDown: -0.1,
          ArrowRight: 0.1,
          ArrowUp: 0.1,
        };
        const step = steps[event.key];
        if (step === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        setPan(pan + step);
      }}
    />
  );
}
