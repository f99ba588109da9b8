/** The `?` sheet: every key that works on this page, searchable. */
import { useState } from "react";
import { chordLabel } from "../keys/chords";
import { useActiveKeys } from "../keys/commands";
import type { KeyPlace } from "../keys/entry";
import { Dialog } from "../parts/dialog";

const PLACE_NAMES: Readonly<Record<KeyPlace, string>> = {
  everywhere: "Everywhere",
  crate: "Crate",
  teach: "Teach",
  tracks: "Tracks",
  track: "Track",
  map: "Map",
  shared: "Shared collection",
  cuts: "Cuts of a track",
};

export function KeysSheet({ onClose }: { onClose: () => void }) {
  const [filter, setFilter] = useState("");
  const active = useActiveKeys();
  const shown = active.filter(
    (entry) =>
      entry.chords.length > 0 &&
      `${entry.label} ${entry.chords.map(chordLabel).join(" ")}`
        .toLowerCase()
        .includes(filter.toLowerCase()),
  );
  return (
    <Dialog label="Keyboard shortcuts" className="dialog keys-sheet" onClose={onClose}>
      <h2>Keyboard shortcuts</h2>
      <input
        className="field"
        style={{ margin: "12px 0" }}
        type="search"
        aria-label="Find a key"
        placeholder="Find a key"
        value={filter}
        onChange={(event) => setFilter(event.target.value)}
      />
      {(Object.keys(PLACE_NAMES) as KeyPlace[]).map((place) => {
        const rows = shown.filter((entry) => entry.place === place);
        if (rows.length === 0) return null;
        return (
          <section key={place}>
            <h3 className="t12 fg2" style={{ padding: "10px 0 4px" }}>
              {PLACE_NAMES[place]}
            </h3>
            <table>
              <tbody>
                {rows.map((entry) => (
                  <tr key={entry.command}>
                    <td>{entry.label}</td>
                    <td>
                      {entry.chords.map((chord) => (
                        <kbd key={chord} className="kbd" style={{ marginLeft: 4 }}>
                          {chordLabel(chord)}
                        </kbd>
                      ))}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        );
      })}
    </Dialog>
  );
}
