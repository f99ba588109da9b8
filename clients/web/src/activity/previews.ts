/** Parts of stems that can be heard while separation still runs. */
import { player, type Sound } from "../audio/player";
import { api, data } from "../data/api";
import { formatClock } from "../parts/format";
import type { StemPreview } from "./preview-parts";

function partSound(preview: StemPreview, index: number, song: string): Sound | null {
  const name = preview.parts[index];
  if (name === undefined) return null;
  return {
    key: `${preview.job}/${name}`,
    title: `${preview.stem.charAt(0).toUpperCase()}${preview.stem.slice(1)}`,
    subtitle: `${song}, preview ${index + 1} of ${preview.parts.length}`,
    address: async () => {
      const path = { job: preview.job, name };
      return (await data(api.GET("/v1/jobs/{job}/previews/{name}", { params: { path } }))).url;
    },
  };
}

let unsubscribe: (() => void) | null = null;

/** Play the parts of a preview one after another, from `index` on. */
export function playPreview(preview: StemPreview, song: string, index = 0): void {
  unsubscribe?.();
  unsubscribe = null;
  const sound = partSound(preview, index, song);
  if (!sound) return;
  const next = (): void => playPreview(preview, song, index + 1);
  player.neighbours.set({
    ...(index > 0 ? { previous: () => playPreview(preview, song, index - 1) } : {}),
    ...(index + 1 < preview.parts.length ? { next } : {}),
  });
  void player.load(sound).then(() => {
    unsubscribe = player.state.subscribe(() => {
      const state = player.state.get();
      if (state.sound !== sound) {
        unsubscribe?.();
        unsubscribe = null;
      } else if (!state.playing && state.duration > 0 && ended(state.duration)) next();
    });
  });
}

function ended(duration: number): boolean {
  return player.position() >= duration - 0.02;
}

/** "2 parts" and, once known, how far they reach. */
export function previewLength(preview: StemPreview, fraction: number, duration: number): string {
  return duration > 0 ? formatClock(fraction * duration) : `${preview.parts.length}`;
}
