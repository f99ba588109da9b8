/** Dials: how much each aspect of a sound counts among its neighbours. */

import { createStore, useStore } from "../data/store";

export const ASPECTS = ["timbre", "pitch", "rhythm", "envelope", "loudness"] as const;
export type Aspect = (typeof ASPECTS)[number];
export type Dials = Readonly<Record<Aspect, number>>;

const DEFAULTS: Dials = { timbre: 1, pitch: 0, rhythm: 0, envelope: 0, loudness: 0 };
const LABELS: Readonly<Record<Aspect, string>> = {
  timbre: "Timbre",
  pitch: "Pitch",
  rhythm: "Rhythm",
  envelope: "Envelope",
  loudness: "Loudness",
};

/** The dials; they stay while other sounds become current. */
export const dials = createStore<Dials>(DEFAULTS);

/** Return whether no dial is up: then nothing can be compared. */
export function areAllDown(values: Dials): boolean {
  return ASPECTS.every((aspect) => values[aspect] === 0);
}

/** Return a share as the page writes it: `.25`, `1`. */
export function shareText(share: number): string {
  return share.toFixed(2).replace(/^0/, "").replace(/\.00$/, "") || "0";
}

export function DialControls() {
  const values = useStore(dials);
  const set = (aspect: Aspect, value: number): void => {
    const share = Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;
    dials.set((now) => ({ ...now, [aspect]: share }));
  };
  return (
    <div className="dials" role="group" aria-label="What counts">
      {ASPECTS.map((aspect) => (
        <label key={aspect} className="dial">
          <span className="fg1">{LABELS[aspect]}</span>
          <input
            type="range"
            min={0}
            max={1}
            step={0.05}
            value={values[aspect]}
            style={{ "--share": String(values[aspect]) } as React.CSSProperties}
            title="Double-click for the default"
            onChange={(event) => set(aspect, Number(event.target.value))}
            onDoubleClick={() => set(aspect, DEFAULTS[aspect])}
            onWheel={(event) => {
              const step = event.shiftKey ? 0.01 : 0.1;
              set(aspect, values[aspect] - Math.sign(event.deltaY) * step);
            }}
          />
          <span className="num fg2">{shareText(values[aspect])}</span>
        </label>
      ))}
    </div>
  );
}
