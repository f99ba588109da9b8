/** The volume of the player, which the browser keeps. */

const VOLUME_KEY = "cratedig.volume";

/** Gain of a volume in 0…1: its square, which is even to the ear. */
export function loudness(volume: number): number {
  return volume * volume;
}

export function storedVolume(): number {
  const stored = Number(localStorage.getItem(VOLUME_KEY) ?? "0.72");
  return stored >= 0 && stored <= 1 ? stored : 0.72;
}

export function storeVolume(volume: number): void {
  localStorage.setItem(VOLUME_KEY, String(volume));
}
