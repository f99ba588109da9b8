/** Hides sounds, undoably: the server keeps them for 30 days. */

import { api, data, idempotent } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { baseName, plural } from "../parts/format";
import { MAX_ITEMS } from "./item-changes";
import type { SearchHit } from "./types";

/** Sounds that are brought back at the same time. */
const RESTORED_AT_ONCE = 4;

/**
 * Hide sounds with what was cut from them.
 * @param reload shows the list anew, after each change of it.
 */
export async function hideSounds(hits: readonly SearchHit[], reload: () => void): Promise<void> {
  const [first] = hits;
  if (!first) return;
  if (hits.length > MAX_ITEMS) {
    showToast(`At most ${MAX_ITEMS} sounds are hidden at once. Select fewer.`);
    return;
  }
  let hidden: readonly string[] = [];
  const label =
    hits.length === 1
      ? `${baseName(first.item.name)} hidden`
      : `${plural(hits.length, "sound")} hidden`;
  const follow = (): void => {
    // Not all of the Crate: the inspector would ask for what is like the hidden sound.
    for (const key of ["facets", "all"])
      void queries.invalidateQueries({ queryKey: ["crate", key] });
    reload();
  };
  try {
    await undoQueue.run({
      label,
      apply: async () => {
        hidden = await hide(hits.map(({ item }) => item.id));
        follow();
      },
      revert: async () => {
        await restore(hidden);
        follow();
      },
    });
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

/** Hide items; return those that were hidden. */
async function hide(items: string[]): Promise<string[]> {
  const body = { edits: [{ items, hide: true }] };
  const { results } = await data(api.POST("/v1/items/edit", { body, headers: idempotent() }));
  const refused = results.find(({ failure }) => failure);
  if (refused?.failure) showToast(refused.failure.detail);
  return results.filter(({ failure }) => !failure).map(({ item }) => item);
}

async function restore(items: readonly string[]): Promise<void> {
  for (let first = 0; first < items.length; first += RESTORED_AT_ONCE) {
    const part = items.slice(first, first + RESTORED_AT_ONCE);
    await Promise.all(
      part.map((item) =>
        data(
          api.POST("/v1/items/{item}/restore", {
            params: { path: { item } },
            headers: idempotent(),
          }),
        ),
      ),
    );
  }
}
