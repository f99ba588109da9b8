/** Settings of Fit as they are stored, typed and shown. */
import { KEYS, keyText } from "../crate/musical-keys";

export const MIN_BPM = 20;
export const MAX_BPM = 400;

export interface FitSettings {
  readonly on: boolean;
  /** Beats per minute; `null` leaves the speed. */
  readonly bpm: number | null;
  /** Camelot code; `null` leaves the pitch. */
  readonly camelot: string | null;
}

export const NO_FIT: FitSettings = { on: false, bpm: null, camelot: null };

/** Read stored settings; what is not understood is left out. */
export function readFit(stored: string | null): FitSettings {
  try {
    const read = JSON.parse(stored ?? "{}") as Partial<FitSettings>;
    return {
      on: read.on === true,
      bpm: tempoOf(String(read.bpm ?? "")),
      camelot: read.camelot && KEYS.has(read.camelot) ? read.camelot : null,
    };
  } catch {
    return NO_FIT;
  }
}

/** Return a typed tempo in beats per minute; `null` if it is none. */
export function tempoOf(text: string): number | null {
  const bpm = Number(text.replace(",", "."));
  return text.trim() !== "" && bpm >= MIN_BPM && bpm <= MAX_BPM ? Math.round(bpm * 10) / 10 : null;
}

/** Return what is followed as text: "124, Am"; empty if nothing is. */
export function fitText({ bpm, camelot }: FitSettings): string {
  const key = camelot === null ? "" : keyText(camelot);
  return [bpm === null ? "" : String(bpm), key].filter(Boolean).join(", ");
}

/** Return how a sound was changed as text: "Fitted: 1.03 × speed, +2 semitones". */
export function changeText({ rate, semitones }: { rate: number; semitones: number }): string {
  const sign = semitones < 0 ? "−" : "+";
  const parts = [
    rate === 1 ? "" : `${rate.toFixed(2)} × speed`,
    semitones === 0
      ? ""
      : `${sign}${Math.abs(semitones)} ${Math.abs(semitones) === 1 ? "semitone" : "semitones"}`,
  ];
  return `Fitted: ${parts.filter(Boolean).join(", ")}`;
}
