/** Fit: sounds of the Crate follow a tempo and a key while they are listened to. */
import { useEffect, useId, useRef, useState } from "react";
import { KEYS, keyText } from "../crate/musical-keys";
import { useStore } from "../data/store";
import { useKeys, useTooltip } from "../keys/commands";
import { changeFit, fitSettings, restoreFit } from "./fit";
import { fitText, tempoOf } from "./fit-texts";

export function FitControl() {
  const settings = useStore(fitSettings);
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLSpanElement>(null);
  const tip = useTooltip("fit");
  const text = fitText(settings);
  useEffect(restoreFit, []);
  useKeys({
    fit: () => {
      if (text === "") setOpen(true);
      else changeFit({ on: !settings.on });
    },
  });
  useEffect(() => {
    if (!isOpen) return;
    const onPointer = (event: PointerEvent): void => {
      if (event.target instanceof Node && !box.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", onPointer);
    return () => document.removeEventListener("pointerdown", onPointer);
  }, [isOpen]);
  const isOn = settings.on && text !== "";
  return (
    <span ref={box} className="fit wide-only">
      <button
        type="button"
        className={isOn ? "btn quiet on" : "btn quiet"}
        aria-expanded={isOpen}
        aria-haspopup="dialog"
        title={tip}
        onClick={() => setOpen(!isOpen)}
      >
        {isOn ? `Fit to ${text}` : "Fit"}
      </button>
      {isOpen && <FitPanel onClose={() => setOpen(false)} />}
    </span>
  );
}

function FitPanel({ onClose }: { onClose: () => void }) {
  const settings = useStore(fitSettings);
  const [typed, setTyped] = useState(settings.bpm === null ? "" : String(settings.bpm));
  const id = useId();
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    first.current?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const isWrong = typed.trim() !== "" && tempoOf(typed) === null;
  return (
    <div
      className="fit-panel"
      role="dialog"
      aria-label="Fit to a tempo and key"
      onKeyDown={(event) => {
        if (event.key !== "Escape" && event.key !== "Enter") return;
        event.preventDefault();
        event.stopPropagation();
        onClose();
      }}
    >
      <label htmlFor={`${id}-bpm`}>Tempo</label>
      <input
        ref={first}
        id={`${id}-bpm`}
        className="field"
        inputMode="decimal"
        placeholder="as it is"
        value={typed}
        aria-invalid={isWrong}
        aria-describedby={`${id}-about`}
        onChange={(event) => {
          setTyped(event.target.value);
          const bpm = tempoOf(event.target.value);
          if (bpm !== null || event.target.value.trim() === "") changeFit({ on: true, bpm });
        }}
      />
      <label htmlFor={`${id}-key`}>Key</label>
      <select
        id={`${id}-key`}
        className="select"
        value={settings.camelot ?? ""}
        onChange={(event) => changeFit({ on: true, camelot: event.target.value || null })}
      >
        <option value="">as it is</option>
        {[...KEYS.keys()].map((camelot) => (
          <option key={camelot} value={camelot}>
            {keyText(camelot)}
          </option>
        ))}
      </select>
      <p id={`${id}-about`} className="t12 fg2">
        {isWrong
          ? "A tempo lies between 20 and 400."
          : "Loops follow the tempo, pitched sounds the key, while you listen. Files stay as they are. Stretched by Signalsmith Stretch."}
      </p>
      <button
        type="button"
        className="btn"
        aria-pressed={settings.on}
        onClick={() => changeFit({ on: !settings.on })}
      >
        {settings.on ? "Turn off" : "Turn on"}
      </button>
    </div>
  );
}
