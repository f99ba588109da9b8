/** Musical keys by name and by code on the Camelot wheel. */

const NAMES = ["C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"] as const;

export interface MusicalKey {
  /** Such as `Am`, as the API reads it. */
  readonly name: string;
  /** 0 for C to 11 for B. */
  readonly pitchClass: number;
  readonly minor: boolean;
}

/** All 24 keys by their Camelot code. */
export const KEYS: ReadonlyMap<string, MusicalKey> = new Map(
  Array.from({ length: 12 }, (_, step) => step + 1).flatMap((number) =>
    [true, false].map((minor): [string, MusicalKey] => {
      // One step on the wheel is a fifth, seven semitones; 8B is C major, 8A is A minor.
      const pitchClass = modulo(7 * (number - 8) - (minor ? 3 : 0), 12);
      const name = `${NAMES[pitchClass] ?? ""}${minor ? "m" : ""}`;
      return [`${number}${minor ? "A" : "B"}`, { name, pitchClass, minor }];
    }),
  ),
);

const CODES: ReadonlyMap<string, string> = new Map(
  [...KEYS].map(([code, key]) => [`${key.pitchClass}${key.minor}`, code]),
);

/** Return the Camelot code of a key. */
export function camelotOf(pitchClass: number, minor: boolean): string {
  return CODES.get(`${pitchClass}${minor}`) ?? "";
}

/** Return the code of a key by its name, such as `8A` of `Am`; null if there is no such key. */
export function camelotNamed(name: string): string | null {
  const read = /^([A-G])([#b]?)(m?)$/.exec(name);
  if (!read) return null;
  const natural = NAMES.indexOf(read[1] as (typeof NAMES)[number]);
  const shift = read[2] === "#" ? 1 : read[2] === "b" ? -1 : 0;
  return camelotOf(modulo(natural + shift, 12), read[3] === "m");
}

/** Return the codes of the keys that fit: its own, one step to either side, and the relative. */
export function compatible(code: string): string[] {
  const number = Number(code.slice(0, -1));
  const mode = code.slice(-1);
  const next = (number % 12) + 1;
  const previous = modulo(number - 2, 12) + 1;
  return [code, `${number}${mode === "A" ? "B" : "A"}`, `${next}${mode}`, `${previous}${mode}`];
}

/** Return a key as text, such as `F♯m`; the code itself if it is not one. */
export function keyText(code: string): string {
  return KEYS.get(code)?.name.replace("#", "♯").replace("b", "♭") ?? code;
}

/** Return a key in words, such as `A minor`. */
export function keyWords(code: string): string {
  const key = KEYS.get(code);
  if (!key) return code;
  return `${keyText(code).replace("m", "")} ${key.minor ? "minor" : "major"}`;
}

/** Return the nearest note to a frequency in hertz, such as `F♯3`; A4 is 440 Hz. */
export function noteOf(frequency: number): string {
  const note = Math.round(69 + 12 * Math.log2(frequency / 440));
  const name = (NAMES[modulo(note, 12)] ?? "").replace("#", "♯").replace("b", "♭");
  return `${name}${Math.floor(note / 12) - 1}`;
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by;
}
