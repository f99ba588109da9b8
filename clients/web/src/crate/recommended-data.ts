/** Recommended sounds, and those that the user dismissed. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { baseName } from "../parts/format";
import type { Item } from "./types";

export type Recommendation = Schemas["Recommendation"];

const KEY = ["recommendations"];
const SHOWN = 50;
const PAGE = 100;
const COMPUTING_MS = 1000;

/** Sounds that fit what the user likes, or that complete a collection. */
export function recommendedQuery(collection: string | null) {
  const target = collection === null ? "account" : `collection:${collection}`;
  return queryOptions({
    queryKey: [...KEY, target],
    queryFn: ({ signal }) => {
      const params = { query: { for: target, limit: SHOWN } };
      return data(api.GET("/v1/recommendations", { params, signal }));
    },
    refetchInterval: ({ state }) => (state.data?.state === "computing" ? COMPUTING_MS : false),
  });
}

/** What was dismissed, last dismissed first. */
export const dismissedQuery = infiniteQueryOptions({
  queryKey: [...KEY, "dismissed"],
  initialPageParam: "",
  queryFn: ({ pageParam, signal }) => {
    const query = { limit: PAGE, ...(pageParam !== "" && { cursor: pageParam }) };
    return data(api.GET("/v1/recommendations/dismissed", { params: { query }, signal }));
  },
  getNextPageParam: (page) => page.next ?? undefined,
});

/** Never recommend a sound again, undoably. */
export async function dismiss(item: Item): Promise<void> {
  const label = `${baseName(item.name)} dismissed`;
  const edit = { label, apply: () => setDismissed(item, true), revert: () => restore(item) };
  try {
    await undoQueue.run(edit);
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

/** Let a sound be recommended again, undoably. */
export async function takeBack(item: Item): Promise<void> {
  const label = `${baseName(item.name)} may be recommended again`;
  const edit = { label, apply: () => restore(item), revert: () => setDismissed(item, true) };
  try {
    await undoQueue.run(edit);
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

function restore(item: Item): Promise<void> {
  return setDismissed(item, false);
}

async function setDismissed(item: Item, dismissed: boolean): Promise<void> {
  const params = { path: { item: item.id } };
  await data(
    dismissed
      ? api.POST("/v1/recommendations/{item}/dismiss", { params })
      : api.DELETE("/v1/recommendations/{item}/dismiss", { params }),
  );
  await queries.invalidateQueries({ queryKey: KEY });
}

/** Say why a sound is recommended; `collections` are names by id. */
export function reasonText(
  reason: Recommendation["reason"],
  collections: ReadonlyMap<string, string>,
): string {
  const name = baseName(reason.name);
  switch (reason.kind) {
    case "favourite":
      return `like ${name}, a favourite`;
    case "rating":
      return `like ${name}, which you rated`;
    case "export":
      return `like ${name}, which you exported`;
    case "tray":
      return `like ${name} in the tray`;
    case "collection": {
      const where = collections.get(reason.collection ?? "") ?? "a collection";
      if (reason.alike > 1) return `like ${reason.alike} sounds of ${where}, such as ${name}`;
      return `like ${name} of ${where}`;
    }
  }
}
