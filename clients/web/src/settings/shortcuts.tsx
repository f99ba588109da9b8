/** Shortcuts: each key can be changed or turned off on this device. */
import { useState } from "react";
import { useStore } from "../data/store";
import { chordLabel, chordOf } from "../keys/chords";
import type { KeyEntry } from "../keys/entry";
import { changeKeys, effectiveKeys, keyChanges } from "../keys/settings";
import { showToast } from "../data/toasts";

export function ShortcutSettings() {
  const changes = useStore(keyChanges);
  const entries = effectiveKeys();
  const [capturing, setCapturing] = useState<string | null>(null);
  const capture = (entry: KeyEntry, event: React.KeyboardEvent): void => {
    const chord = chordOf(event);
    if (chord === "" || chord === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    setCapturing(null);
    if (chord === "Escape") return;
    const taken = entries.find(
      (other) =>
        other.command !== entry.command &&
        (other.place === entry.place || "everywhere" === other.place) &&
        other.chords.includes(chord),
    );
    if (taken) showToast(`${chordLabel(chord)} is taken by “${taken.label}”.`);
    else changeKeys(entry.command, [chord]);
  };
  return (
    <div className="settings-body">
      <p className="settings-lead">
        Choose a key, then press the new one. Keys follow your keyboard’s layout.
      </p>
      <ul>
        {entries.map((entry) => (
          <li key={entry.command} className="settings-row">
            <span className="grow">{entry.label}</span>
            {changes[entry.command] !== undefined && (
              <button
                type="button"
                className="btn small quiet"
                onClick={() => changeKeys(entry.command, null)}
              >
                Reset<span className="sr-only"> {entry.label}</span>
              </button>
            )}
            {entry.chords.length > 0 && (
              <button
                type="button"
                className="btn small quiet"
                onClick={() => changeKeys(entry.command, [])}
              >
                Off<span className="sr-only"> {entry.label}</span>
              </button>
            )}
            <button
              type="button"
              className={capturing === entry.command ? "btn small capture on" : "btn small capture"}
              title={`Key for ${entry.label}`}
              onClick={() => setCapturing(entry.command)}
              onBlur={() => setCapturing(null)}
              onKeyDown={(event) => {
                if (capturing === entry.command) capture(entry, event);
              }}
            >
              {capturing === entry.command
                ? "Press a key"
                : entry.chords.map(chordLabel).join(", ") || "Off"}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
