/** Chords: what a key event is called, and which commands it runs. */
import type { KeyEntry } from "./entry";

export interface KeyStroke {
  readonly key: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

/** Return the name of a chord, such as `Ctrl+Shift+Z`; empty for a modifier alone. */
export function chordOf(stroke: KeyStroke): string {
  if (["Control", "Shift", "Alt", "Meta", "AltGraph", "Dead"].includes(stroke.key)) return "";
  const isLetter = stroke.key.length === 1 && stroke.key.toLowerCase() !== stroke.key.toUpperCase();
  const name = stroke.key === " " ? "Space" : isLetter ? stroke.key.toUpperCase() : stroke.key;
  const parts: string[] = [];
  if (stroke.ctrlKey || stroke.metaKey) parts.push("Ctrl");
  if (stroke.altKey) parts.push("Alt");
  // Shift is part of what a symbol is ("?"), but not of what a letter or an arrow is.
  if (stroke.shiftKey && (isLetter || name.length > 1)) parts.push("Shift");
  return [...parts, name].join("+");
}

/** Sequences such as `G C` must be finished within this time, in milliseconds. */
export const SEQUENCE_MS = 1200;

/** Matches strokes to commands; remembers the first stroke of a sequence. */
export class ChordMatcher {
  #first = "";
  #at = 0;

  constructor(private readonly entries: () => readonly KeyEntry[]) {}

  /**
   * Return the commands of a chord at a time in milliseconds; `pending` if it begins a sequence.
   */
  match(chord: string, now: number): readonly string[] | "pending" {
    const prefix = this.#first && now - this.#at <= SEQUENCE_MS ? `${this.#first} ` : "";
    this.#first = "";
    const entries = this.entries();
    const commands = entries.filter((entry) => entry.chords.includes(prefix + chord));
    if (commands.length > 0) return commands.map((entry) => entry.command);
    if (entries.some((entry) => entry.chords.some((known) => known.startsWith(`${chord} `)))) {
      this.#first = chord;
      this.#at = now;
      return "pending";
    }
    return [];
  }
}

const CAPS: Readonly<Record<string, string>> = {
  ArrowUp: "↑",
  ArrowDown: "↓",
  ArrowLeft: "←",
  ArrowRight: "→",
  Escape: "Esc",
  PageUp: "PgUp",
  PageDown: "PgDn",
  Delete: "Del",
};

/** Return how a chord is written on the page: `Ctrl K`, `G then C`. */
export function chordLabel(chord: string): string {
  return chord
    .split(" ")
    .map((part) =>
      part
        .split(/\+(?=.)/)
        .map((name) => CAPS[name] ?? name)
        .join(" "),
    )
    .join(" then ");
}
