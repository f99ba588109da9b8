/** The parts of a chord in Harte's notation, such as `A:min7/b3`. */

const LETTERS = ["C", "D", "E", "F", "G", "A", "B"] as const;
const STEPS = [0, 2, 4, 5, 7, 9, 11] as const;
const DEGREES = ["1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7"] as const;
/** Names of pitch classes, as the server writes them. */
const NOTES = ["C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"] as const;

export interface ChordParts {
  /** The root, or `N` or `X`. */
  readonly note: string;
  readonly quality: string;
  /** The name of the bass note, if it is not the root. */
  readonly bass: string | null;
}

export function chordParts(chord: string): ChordParts {
  const [note = "", rest = ""] = chord.split(":");
  const [quality = "", degree] = rest.split("/");
  if (degree === undefined) return { note, quality, bass: null };
  const semitones = raised(degree, STEPS[Number(degree.at(-1)) - 1] ?? 0);
  return { note, quality, bass: NOTES[(pitchClass(note) + semitones + 12) % 12] ?? null };
}

/** The interval from a root up to a bass note: `3` of `C` and `E`. */
export function degreeOf(root: string, bass: string): string {
  return DEGREES[(pitchClass(bass) - pitchClass(root) + 12) % 12] ?? "1";
}

function pitchClass(note: string): number {
  const letter = LETTERS.indexOf(note.charAt(0) as (typeof LETTERS)[number]);
  return (raised(note.slice(1), STEPS[letter] ?? 0) + 12) % 12;
}

function raised(accidental: string, step: number): number {
  return step + (accidental.startsWith("#") ? 1 : accidental.startsWith("b") ? -1 : 0);
}
