/** Families of sound classes: what a map's colours stand for. */

import { className } from "../crate/texts";
import { UNIT_SPACE } from "../parts/format";

export interface Family {
  readonly name: string;
  /** The token of the theme that holds its colour. */
  readonly colour: string;
  readonly classes: readonly string[];
}

/** All families, in the order of the legend. */
export const FAMILIES: readonly Family[] = [
  { name: "Low", colour: "bass", classes: ["kick", "tom", "bass"] },
  { name: "Snares", colour: "drums", classes: ["snare", "clap", "rim"] },
  {
    name: "Metal",
    colour: "piano",
    classes: ["closed_hat", "open_hat", "ride", "crash", "splash"],
  },
  {
    name: "Percussion",
    colour: "guitar",
    classes: ["percussion", "cowbell", "shaker", "tambourine"],
  },
  { name: "Voice", colour: "vocals", classes: ["vocal"] },
  { name: "Tonal", colour: "other", classes: ["synth", "loop"] },
];

/** What belongs to no family. */
export const OTHER: Family = { name: "Other", colour: "wave", classes: [] };

/** Return the family of a class. */
export function familyOf(soundClass: string): Family {
  return FAMILIES.find((family) => family.classes.includes(soundClass)) ?? OTHER;
}

/** Return the families that a map shows, in the order of the legend. */
export function familiesOf(classes: readonly string[], kinds: Uint8Array): readonly Family[] {
  const seen = new Set<number>(kinds);
  const shown = new Set([...seen].map((kind) => familyOf(classes[kind] ?? "")));
  return [...FAMILIES, OTHER].filter((family) => shown.has(family));
}

/** Return what classes points have, the most frequent first: `94 % synth, 6 % other`. */
export function classShares(
  classes: readonly string[],
  kinds: Uint8Array,
  chosen: ArrayLike<number>,
): string {
  const counts = new Map<number, number>();
  for (let place = 0; place < chosen.length; place += 1) {
    const kind = kinds[chosen[place] ?? 0] ?? 0;
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  const ordered = [...counts].sort((a, b) => b[1] - a[1]);
  const share = (count: number): number => Math.round((count / chosen.length) * 100);
  const named = ordered
    .slice(0, 2)
    .map(([kind, count]) => [className(classes[kind] ?? "").toLowerCase(), share(count)] as const)
    .filter(([, percent]) => percent > 0);
  const rest = 100 - named.reduce((sum, [, percent]) => sum + percent, 0);
  const parts = named.map(([name, percent]) => `${percent}${UNIT_SPACE}% ${name}`);
  if (ordered.length > 2 && rest > 0) parts.push(`${rest}${UNIT_SPACE}% other`);
  return parts.join(", ");
}
