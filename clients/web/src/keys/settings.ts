/** Shortcuts that a person changed or turned off, kept on this device. */
import { createStore } from "../data/store";
import type { KeyEntry } from "./entry";
import { KEYS } from "./table";

/** Chords by command; an empty list turns the command's keys off. */
export type KeyChanges = Readonly<Record<string, readonly string[]>>;

const STORAGE_KEY = "cratedig.keys";

export const keyChanges = createStore<KeyChanges>(read());

function read(): KeyChanges {
  try {
    return JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "{}") as KeyChanges;
  } catch {
    return {};
  }
}

export function changeKeys(command: string, chords: readonly string[] | null): void {
  const others = Object.entries(keyChanges.get()).filter(([name]) => name !== command);
  const next: KeyChanges = Object.fromEntries(
    chords === null ? others : [...others, [command, chords]],
  );
  localStorage.setItem(STORAGE_KEY, JSON.stringify(next));
  keyChanges.set(next);
}

/** Return the table with this device's changes. */
export function effectiveKeys(): readonly KeyEntry[] {
  const changes = keyChanges.get();
  return KEYS.map((entry) => ({ ...entry, chords: changes[entry.command] ?? entry.chords }));
}
