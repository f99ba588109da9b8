/** Edits of sounds: shown at once, sent in order, taken back where the server refuses them. */

import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { plural } from "../parts/format";
import { edits } from "./client";
import { changed, inverse, type ItemChange, type ItemChanges } from "./item-changes";
import type { SearchHit } from "./types";

/** Changes the rows of items wherever they are shown. */
export type Patch = (items: Iterable<string>, change: (hit: SearchHit) => SearchHit) => void;

export interface SoundEdit {
  readonly hits: readonly SearchHit[];
  readonly change: ItemChange;
  /** What was done, such as `Tag dusty added`. */
  readonly label: string;
}

class RefusedError extends Error {}

/** Change sounds and make the change undoable. */
export async function editSounds(edit: SoundEdit, patch: Patch): Promise<void> {
  const { hits, change } = edit;
  if (hits.length === 0) return;
  const forward: ItemChanges = new Map(hits.map((hit) => [hit.item.id, change]));
  const back: ItemChanges = new Map(hits.map((hit) => [hit.item.id, inverse(hit, change)]));
  const label = hits.length === 1 ? edit.label : `${edit.label} (${plural(hits.length, "sound")})`;
  show(forward, patch);
  try {
    await undoQueue.run({
      label,
      apply: () => send(forward, back, patch),
      revert: () => send(back, forward, patch),
    });
  } catch (error) {
    showToast(error instanceof RefusedError ? error.message : problemText(error));
    return;
  }
  if (hits.length > 1) {
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  }
}

async function send(changes: ItemChanges, back: ItemChanges, patch: Patch): Promise<void> {
  show(changes, patch);
  const refusals = await edits.submit(changes);
  if (refusals.size > 0) {
    const refused = [...back].filter(([item]) => refusals.has(item));
    show(new Map(refused), patch);
    const [reason = ""] = refusals.values();
    if (refusals.size === changes.size) throw new RefusedError(reason);
    showToast(`${plural(refusals.size, "sound")} stayed as before: ${reason}`);
  }
  void queries.invalidateQueries({ queryKey: ["crate", "facets"] });
}

function show(changes: ItemChanges, patch: Patch): void {
  patch(changes.keys(), (hit) => {
    const change = changes.get(hit.item.id);
    return change ? changed(hit, change) : hit;
  });
}
