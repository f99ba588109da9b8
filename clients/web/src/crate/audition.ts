/** Plays sounds through the one player, and prepares those that may be next. */

import { player, type Sound } from "../audio/player";
import { baseName } from "../parts/format";
import { KEYS } from "./musical-keys";
import { songNames } from "./song-names";
import { soundFile } from "./sounds";
import { className } from "./texts";
import type { Item, SearchHit } from "./types";
import { amplitudeOf } from "./waveforms";
import { waveforms } from "./client";

/** Rows on either side that are prepared. */
export const AHEAD = 5;

/** Return an item as the player takes it. */
export function toSound(item: Item, song: string | null, stem: string | null, about = ""): Sound {
  const source = song ? songNames.get(song) : "";
  return {
    key: item.id,
    title: baseName(item.name),
    subtitle: [source, stem].filter(Boolean).join(", ") || about,
    ...(item.audio && { duration: item.audio.duration }),
    address: async () => (await soundFile(item.id)).address,
    peaks: async () => miniPeaks(item.id),
    href: `/crate?at=${item.id}`,
  };
}

/** Return a row as the player takes it. */
export function soundOf(hit: SearchHit): Sound {
  const stem = hit.item.stem ?? hit.item.lineage?.stem ?? null;
  const about = hit.sound_class ? className(hit.sound_class) : "";
  const key = hit.camelot ? (KEYS.get(hit.camelot) ?? null) : null;
  // One-shots have no tempo of their own, and drums no key.
  const isWhole = ["loop", "unknown", null].includes(hit.sound_class ?? null);
  const isPitched = ["bass", "vocal", "synth"].includes(hit.sound_class ?? "");
  const music = {
    bpm: isWhole ? (hit.bpm ?? null) : null,
    key: isWhole || isPitched ? key : null,
  };
  return { ...toSound(hit.item, hit.song ?? null, stem, about), music };
}

/** Play a row from its start. */
export function audition(hit: SearchHit): void {
  play(soundOf(hit));
}

/** Play an item of which no more is known, such as one of the tray, from its start. */
export function auditionItem(item: Item): void {
  play(itemSound(item));
}

/** Return an item of which no more is known as the player takes it. */
export function itemSound(item: Item): Sound {
  return toSound(item, null, item.stem ?? item.lineage?.stem ?? null);
}

function play(sound: Sound): void {
  if (player.state.get().sound?.key === sound.key) {
    player.seek(0);
    void player.play();
  } else void player.load(sound);
}

/** Fetch and decode sounds one after another, so that they start at once when it is their turn. */
export async function prepareSounds(sounds: readonly Sound[], signal: AbortSignal): Promise<void> {
  for (const sound of sounds) {
    if (signal.aborted) return;
    // A sound that cannot be prepared says so when it is played.
    await player.prepare(sound).catch(() => undefined);
  }
}

function miniPeaks(item: string): { low: Float32Array; high: Float32Array } | null {
  const waveform = waveforms.get(item);
  if (!waveform) return null;
  const high = Float32Array.from({ length: waveform.length / 2 }, (_, column) => {
    return amplitudeOf(waveform[2 * column] ?? 0);
  });
  return { high, low: high.map((value) => -value) };
}
