/** Saved searches of the account: read, made, renamed, opened and deleted. */

import { queryOptions } from "@tanstack/react-query";
import { api, data, idempotent } from "../data/api";
import { queries } from "../data/cache";
import { ProblemError } from "../data/problem-error";
import { problemText } from "../data/problems";
import { createStore } from "../data/store";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import type { Schemas } from "../data/api";

export type SavedSearch = Schemas["SavedSearch"];

const KEY = ["saved-searches"];
const MAX_SAVED = 200;
const TRIED_NAMES = 20;

export const savedSearchesQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal }): Promise<readonly SavedSearch[]> => {
    const query = { limit: MAX_SAVED };
    const { items } = await data(api.GET("/v1/saved-searches", { params: { query }, signal }));
    return items.toSorted((a, b) => a.name.localeCompare(b.name));
  },
});

/** The search whose name is being typed: one that was saved just now, or that is renamed. */
export const namedSearch = createStore<string | null>(null);

/** Save a search under the first free name of `name`, `name 2`, … and let it be renamed. */
export async function saveSearch(name: string, q: string): Promise<void> {
  try {
    for (let number = 1; ; number += 1) {
      const tried = number === 1 ? name : `${name.slice(0, 96)} ${number}`;
      try {
        namedSearch.set((await create(tried, q)).id);
        break;
      } catch (error) {
        const isTaken = error instanceof ProblemError && error.code === "already_exists";
        if (!isTaken || number === TRIED_NAMES) throw error;
      }
    }
  } catch (error) {
    showToast(problemText(error));
  }
}

async function create(name: string, q: string): Promise<SavedSearch> {
  const body = { name, q, notify: true };
  const made = (await data(
    api.POST("/v1/saved-searches", { body, headers: idempotent() }),
  )) as SavedSearch;
  await queries.invalidateQueries({ queryKey: KEY });
  return made;
}

/** Give a search another name, undoably. */
export async function renameSearch(search: SavedSearch, name: string): Promise<void> {
  const rename = async (to: string): Promise<void> => {
    const params = { path: { search: search.id } };
    await data(api.PATCH("/v1/saved-searches/{search}", { params, body: { name: to } }));
    await queries.invalidateQueries({ queryKey: KEY });
  };
  try {
    await undoQueue.run({
      label: `Renamed to ${name}`,
      apply: () => rename(name),
      revert: () => rename(search.name),
    });
  } catch (error) {
    showToast(problemText(error));
  }
}

/** Delete a search, undoably: undo saves it anew, and it counts from then on. */
export async function deleteSearch(search: SavedSearch): Promise<void> {
  let { id } = search;
  const label = `${search.name} deleted`;
  try {
    await undoQueue.run({
      label,
      apply: async () => {
        await data(api.DELETE("/v1/saved-searches/{search}", { params: { path: { search: id } } }));
        await queries.invalidateQueries({ queryKey: KEY });
      },
      revert: async () => {
        id = (await create(search.name, search.q)).id;
      },
    });
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

/** Tell the server that a search was opened, so that it counts what is new from now on. */
export async function markSeen(search: SavedSearch): Promise<void> {
  const params = { path: { search: search.id } };
  // The count of new sounds stays if this fails; the next opening tries again.
  await api.POST("/v1/saved-searches/{search}/seen", { params }).catch(() => undefined);
  await queries.invalidateQueries({ queryKey: KEY });
}
