/** Collections of the account: read, made, renamed and filled. */

import { queryOptions } from "@tanstack/react-query";
import { api, data, idempotent } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { plural } from "../parts/format";
import { MAX_ITEMS } from "./item-changes";
import type { Collection, SearchHit } from "./types";

const KEY = ["collections"];
const MAX_PAGES = 10;

/** All collections that the user made, by name. */
export const collectionsQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal }): Promise<Collection[]> => {
    const found: Collection[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const answer = await data(
        api.GET("/v1/collections", {
          params: { query: { limit: 200, ...(cursor !== undefined && { cursor }) } },
          signal,
        }),
      );
      found.push(...answer.items);
      if (!answer.next) break;
      cursor = answer.next;
    }
    return found
      .filter((collection) => collection.kind === "collection")
      .sort((a, b) => a.name.localeCompare(b.name));
  },
});

/** Create a collection; return it, or null if the server refused. */
export async function createCollection(name: string): Promise<Collection | null> {
  try {
    const made = await data(api.POST("/v1/collections", { body: { name }, headers: idempotent() }));
    await queries.invalidateQueries({ queryKey: KEY });
    return made;
  } catch (error) {
    showToast(problemText(error));
    return null;
  }
}

/** Give a collection another name. */
export async function renameCollection(collection: Collection, name: string): Promise<void> {
  const rename = async (to: string): Promise<void> => {
    const params = { path: { collection: collection.id } };
    await data(api.PATCH("/v1/collections/{collection}", { params, body: { name: to } }));
    await queries.invalidateQueries({ queryKey: KEY });
  };
  await perform({
    label: `Renamed to ${name}`,
    apply: () => rename(name),
    revert: () => rename(collection.name),
  });
}

/** Add sounds to a collection, undoably. */
export function collect(collection: Collection, hits: readonly SearchHit[]): Promise<void> {
  return collectItems(
    collection,
    hits.map((hit) => hit.item.id),
  );
}

/** Add items to a collection, undoably. */
export async function collectItems(
  collection: Collection,
  items: readonly string[],
): Promise<void> {
  // Undo takes out what was added, and not what was there before.
  let added: string[] = [];
  const label = `${plural(items.length, "sound")} in ${collection.name}`;
  const isDone = await perform({
    label,
    apply: async () => {
      const held = await itemsOf(collection);
      added = items.filter((id) => !held.has(id));
      await change(collection, "add", added);
    },
    revert: () => change(collection, "remove", added),
  });
  if (isDone) showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
}

async function itemsOf(collection: Collection): Promise<Set<string>> {
  const held = new Set<string>();
  let cursor: string | undefined;
  do {
    const query = { limit: 200, ...(cursor !== undefined && { cursor }) };
    const params = { path: { collection: collection.id }, query };
    const page = await data(api.GET("/v1/collections/{collection}/items", { params }));
    for (const { item } of page.items) held.add(item.id);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return held;
}

/** Take sounds out of a collection, undoably. */
export async function uncollect(collection: Collection, hits: readonly SearchHit[]): Promise<void> {
  const label = `${plural(hits.length, "sound")} taken out of ${collection.name}`;
  const items = hits.map((hit) => hit.item.id);
  const isDone = await perform({
    label,
    apply: () => change(collection, "remove", items),
    revert: () => change(collection, "add", items),
  });
  if (isDone) showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
}

async function change(collection: Collection, kind: "add" | "remove", items: string[]) {
  const params = { path: { collection: collection.id } };
  for (let first = 0; first < items.length; first += MAX_ITEMS) {
    const body = { items: items.slice(first, first + MAX_ITEMS) };
    const headers = idempotent();
    if (kind === "add") {
      await data(api.POST("/v1/collections/{collection}/items", { params, body, headers }));
    } else {
      await data(api.POST("/v1/collections/{collection}/items/remove", { params, body, headers }));
    }
  }
  await queries.invalidateQueries({ queryKey: KEY });
}

async function perform(edit: Parameters<typeof undoQueue.run>[0]): Promise<boolean> {
  try {
    await undoQueue.run(edit);
    return true;
  } catch (error) {
    showToast(problemText(error));
    return false;
  }
}
