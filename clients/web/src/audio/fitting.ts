/** How short sounds are fitted to a tempo and a key before they are heard, as exports do it. */

/** A major or minor key. */
export interface Key {
  /** 0 for C to 11 for B. */
  readonly pitchClass: number;
  readonly minor: boolean;
}

/** What sounds are fitted to; a sound without a tempo keeps its speed, one without a key its pitch. */
export interface Fit {
  /** Beats per minute. */
  readonly bpm: number | null;
  readonly key: Key | null;
}

/** How a sound is changed. */
export interface Change {
  /** New speed by old speed. */
  readonly rate: number;
  /** -5 to 6. */
  readonly semitones: number;
}

/** The largest change of tempo, as a factor in either direction. */
const MAX_RATE = 2;
/** Semitones from the tonic of a minor key up to that of its relative major. */
const RELATIVE = 3;

/** Return how a sound is changed, or `null` if it stays as it is. */
export function changeOf(sound: Fit, fit: Fit): Change | null {
  const ratio = fit.bpm !== null && sound.bpm !== null ? fit.bpm / sound.bpm : 1;
  const rate = ratio >= 1 / MAX_RATE && ratio <= MAX_RATE ? ratio : 1;
  const semitones = fit.key && sound.key ? transposition(sound.key, fit.key) : 0;
  return rate === 1 && semitones === 0 ? null : { rate, semitones };
}

/** Semitones to a key, or to its relative key if the modes differ. */
function transposition(from: Key, to: Key): number {
  const relative = from.minor === to.minor ? 0 : to.minor ? RELATIVE : -RELATIVE;
  const up = (((to.pitchClass + relative - from.pitchClass) % 12) + 12) % 12;
  return up > 6 ? up - 12 : up;
}
