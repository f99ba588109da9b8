/** Changes of sounds that users make, their inverses, and the queue that sends them in order. */

import type { ItemsEdit, SearchHit } from "./types";

/** Items that one request changes at most. */
export const MAX_ITEMS = 500;

/** A change of one item; absent fields stay as they are. */
export interface ItemChange {
  readonly addTags?: readonly string[];
  readonly removeTags?: readonly string[];
  readonly favourite?: boolean;
  /** 1 to 5, or null for no rating. */
  readonly rating?: number | null;
}

/** Changes by item. */
export type ItemChanges = ReadonlyMap<string, ItemChange>;

/** Items that the server did not change, each with the reason in words. */
export type Refusals = ReadonlyMap<string, string>;

/** Return a row as it is after a change. */
export function changed(hit: SearchHit, change: ItemChange): SearchHit {
  const { favourite = hit.favourite ?? false, rating = hit.rating ?? null } = change;
  const drop = new Set((change.removeTags ?? []).map(folded));
  const tags = (hit.tags ?? []).filter(
    (tag) => tag.source !== "user" || !drop.has(folded(tag.name)),
  );
  for (const name of change.addTags ?? []) {
    if (!hasTag({ ...hit, tags }, name)) tags.push({ name, source: "user", confidence: null });
  }
  return { ...hit, favourite, rating, tags };
}

/** Return a row after the answer to whether a taught tag fits; `before` is the row without one. */
export function answered(
  hit: SearchHit,
  before: SearchHit,
  tag: string,
  answer: "yes" | "no" | "skip" | null,
): SearchHit {
  const isOf = (other: { readonly name: string }): boolean => folded(other.name) === folded(tag);
  const others = (hit.tags ?? []).filter((other) => !isOf(other));
  if (answer === "no") return { ...hit, tags: others };
  if (answer === "yes") {
    return { ...hit, tags: [...others, { name: tag, source: "user", confidence: null }] };
  }
  return { ...hit, tags: [...others, ...(before.tags ?? []).filter(isOf)] };
}

/** Return the change that takes a change of a row back. */
export function inverse(hit: SearchHit, change: ItemChange): ItemChange {
  const addTags = (change.removeTags ?? []).filter((name) => hasTag(hit, name));
  const removeTags = (change.addTags ?? []).filter((name) => !hasTag(hit, name));
  return {
    ...(addTags.length > 0 && { addTags }),
    ...(removeTags.length > 0 && { removeTags }),
    ...(change.favourite !== undefined && { favourite: hit.favourite ?? false }),
    ...(change.rating !== undefined && { rating: hit.rating ?? null }),
  };
}

/** Return whether a user gave a sound this tag; case and accents do not matter. */
export function hasTag(hit: SearchHit, name: string): boolean {
  return (hit.tags ?? []).some((tag) => tag.source === "user" && folded(tag.name) === folded(name));
}

/** Return a tag as tags are compared: without case, accents and width. */
export function folded(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  return plain.trim().replace(/\s+/g, " ");
}

/** Return the requests that make changes, at most 500 items in each. */
export function toEdits(changes: ItemChanges): ItemsEdit[][] {
  const groups = new Map<string, { change: ItemChange; items: string[] }>();
  for (const [item, change] of changes) {
    const key = JSON.stringify(change);
    const group = groups.get(key) ?? { change, items: [] };
    group.items.push(item);
    groups.set(key, group);
  }
  const requests: ItemsEdit[][] = [];
  let room = 0;
  for (const { change, items } of groups.values()) {
    for (let first = 0; first < items.length;) {
      if (room === 0) {
        requests.push([]);
        room = MAX_ITEMS;
      }
      const part = items.slice(first, first + room);
      requests.at(-1)?.push(toEdit(part, change));
      first += part.length;
      room -= part.length;
    }
  }
  return requests;
}

function toEdit(items: string[], change: ItemChange): ItemsEdit {
  return {
    items,
    ...(change.addTags && { add_tags: [...change.addTags] }),
    ...(change.removeTags && { remove_tags: [...change.removeTags] }),
    ...(change.favourite !== undefined && { favourite: change.favourite }),
    ...(change.rating !== undefined && { rating: change.rating }),
  };
}
