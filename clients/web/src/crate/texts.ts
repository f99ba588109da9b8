/** Values of sounds as text. */

import { baseName, formatLength, formatTempo } from "../parts/format";
import type { Limits } from "./filters";
import { keyText } from "./musical-keys";
import type { SearchHit, SoundClass } from "./types";

/** A class with a lower confidence is in doubt, as the search defines it. */
export const DOUBT = 0.62;

/** Classes in the order in which the facet lists those with equal counts. */
const CLASS_NAMES: Readonly<Record<SoundClass, string>> = {
  kick: "Kick",
  snare: "Snare",
  clap: "Clap",
  rim: "Rim",
  closed_hat: "Closed hat",
  open_hat: "Open hat",
  crash: "Crash",
  ride: "Ride",
  splash: "Splash",
  tom: "Tom",
  cowbell: "Cowbell",
  shaker: "Shaker",
  tambourine: "Tambourine",
  percussion: "Percussion",
  bass: "Bass",
  vocal: "Vocal",
  synth: "Synth",
  loop: "Loop",
  unknown: "Unknown",
};

/** All classes, in a fixed order. */
export const CLASSES = Object.keys(CLASS_NAMES) as SoundClass[];

/** Return the name of a class. */
export function className(value: string): string {
  return CLASS_NAMES[value as SoundClass] ?? value;
}

/** Return a length in words, for screen readers: `214 milliseconds`. */
export function lengthWords(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} milliseconds`;
  if (seconds < 59.995) return `${seconds.toFixed(2)} seconds`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} minutes ${whole % 60} seconds`;
}

/** Return a count with thousands separated. */
export function countText(count: number): string {
  return count.toLocaleString("en");
}

/** Return a level with a true minus: `−9.8`. */
export function levelText(decibels: number): string {
  return decibels.toFixed(1).replace("-", "−");
}

/** Return a confidence as text: `0.93`. */
export function confidenceText(confidence: number): string {
  return confidence.toFixed(2);
}

/** Return a range as text: `118–128 BPM`, `from 2 s`, `up to 0.5 s`. */
export function limitsText(limits: Limits, unit: string): string {
  const { min, max } = limits;
  if (min !== null && max !== null) return `${min}–${max} ${unit}`;
  return min !== null ? `from ${min} ${unit}` : `up to ${max ?? 0} ${unit}`;
}

/** Return whether a user chose the class of a sound, or its name says it. */
export function isConfirmed(hit: SearchHit): boolean {
  return hit.class_source === "user";
}

/** Return whether the class of a sound is the machine's and in doubt. */
export function isDoubtful(hit: SearchHit): boolean {
  return !isConfirmed(hit) && (hit.class_confidence ?? 1) < DOUBT;
}

/** Return the facts of a sound in one line: `Loop · F · 124 BPM · 1.94 s`. */
export function factsLine(hit: SearchHit): string {
  const facts = [
    hit.sound_class ? className(hit.sound_class) : null,
    hit.camelot ? keyText(hit.camelot) : null,
    hit.bpm ? `${formatTempo(hit.bpm)} BPM` : null,
    hit.item.audio ? formatLength(hit.item.audio.duration) : null,
  ];
  return facts.filter((fact) => fact !== null).join(" · ");
}

/** Return a row as a screen reader reads it. */
export function rowWords(hit: SearchHit, source: string): string {
  const parts = [baseName(hit.item.name)];
  if (hit.sound_class) {
    parts.push(className(hit.sound_class).toLowerCase());
    if (!isConfirmed(hit)) parts.push(isDoubtful(hit) ? "in doubt" : "proposed");
  }
  if (hit.bpm) parts.push(`${formatTempo(hit.bpm)} BPM`);
  if (hit.item.audio) parts.push(lengthWords(hit.item.audio.duration));
  if (source) parts.push(`from ${source}`);
  if (hit.favourite) parts.push("favourite");
  return parts.join(", ");
}

/** Return a sound's name without the name of its song, which stands beside it. */
export function nameWithoutSong(name: string, song: string): string {
  const start = `${song} – `;
  return song !== "" && name.startsWith(start) ? name.slice(start.length) : name;
}
