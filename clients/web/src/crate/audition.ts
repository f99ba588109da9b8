/** Plays sounds of the list through the one player, and fetches the neighbours' files ahead. */

import { player, type Sound } from "../audio/player";
import { baseName } from "../parts/format";
import { songNames } from "./song-names";
import { soundFile } from "./sounds";
import type { Item, SearchHit } from "./types";
import { amplitudeOf } from "./waveforms";
import { waveforms } from "./client";

/** Rows on either side whose files are fetched ahead. */
export const AHEAD = 5;

/** Return an item as the player takes it. */
export function toSound(item: Item, song: string | null, stem: string | null): Sound {
  const source = song ? songNames.get(song) : "";
  return {
    key: item.id,
    title: baseName(item.name),
    subtitle: [source, stem].filter(Boolean).join(", "),
    ...(item.audio && { duration: item.audio.duration }),
    address: async () => (await soundFile(item.id)).address,
    peaks: async () => miniPeaks(item.id),
    href: `/crate?at=${item.id}`,
  };
}

/** Return a row as the player takes it. */
export function soundOf(hit: SearchHit): Sound {
  return toSound(hit.item, hit.song ?? null, hit.item.stem ?? hit.item.lineage?.stem ?? null);
}

/** Play a row from its start. */
export function audition(hit: SearchHit): void {
  play(soundOf(hit));
}

/** Play an item of which no more is known, such as one of the tray, from its start. */
export function auditionItem(item: Item): void {
  play(toSound(item, null, item.stem ?? item.lineage?.stem ?? null));
}

function play(sound: Sound): void {
  if (player.state.get().sound?.key === sound.key) {
    player.seek(0);
    void player.play();
  } else void player.load(sound);
}

/** Fetch the addresses of sounds, so that they start at once when it is their turn. */
export function fetchAhead(hits: readonly SearchHit[]): void {
  for (const hit of hits) soundFile(hit.item.id).catch(() => undefined);
}

function miniPeaks(item: string): { low: Float32Array; high: Float32Array } | null {
  const waveform = waveforms.get(item);
  if (!waveform) return null;
  const high = Float32Array.from({ length: waveform.length / 2 }, (_, column) => {
    return amplitudeOf(waveform[2 * column] ?? 0);
  });
  return { high, low: high.map((value) => -value) };
}
