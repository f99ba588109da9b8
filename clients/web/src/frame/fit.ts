/** What short sounds are fitted to, kept on this device. */
import { player } from "../audio/player";
import { KEYS } from "../crate/musical-keys";
import { createStore } from "../data/store";
import { NO_FIT, readFit, type FitSettings } from "./fit-texts";

const STORED = "cratedig.fit";

export const fitSettings = createStore<FitSettings>(NO_FIT);

/** Take up the settings of the last visit. */
export function restoreFit(): void {
  changeFit(readFit(localStorage.getItem(STORED)));
}

/** Change settings, and with them what is heard. */
export function changeFit(change: Partial<FitSettings>): void {
  fitSettings.set((settings) => ({ ...settings, ...change }));
  const settings = fitSettings.get();
  localStorage.setItem(STORED, JSON.stringify(settings));
  const key = settings.camelot === null ? null : (KEYS.get(settings.camelot) ?? null);
  const isAny = settings.bpm !== null || key !== null;
  player.setFit(settings.on && isAny ? { bpm: settings.bpm, key } : null);
}
