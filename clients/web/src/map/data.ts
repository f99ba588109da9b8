/** Maps of the account: read, laid out and forgotten. */

import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { ItemReader } from "./items";
import { readPoints, type MapPoints } from "./points";

export type SoundMap = Schemas["Map"];
type Item = Schemas["Item"];

const KEY = ["maps"];
/** The map of all sounds that is opened when none is named. */
export const EVERYTHING = "everything";

/** All maps by name, without their points. */
export const mapsQuery = queryOptions({
  queryKey: [...KEY, "all"],
  queryFn: async ({ signal }) => (await data(api.GET("/v1/maps", { signal }))).items,
});

/** The points of a map; read anew when it has been laid out again or has grown. */
export function pointsQuery(map: SoundMap) {
  return queryOptions({
    queryKey: [...KEY, "points", map.name, map.computed_at, map.points],
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: async ({ signal }): Promise<MapPoints> => {
      const params = { path: { name: map.name } };
      const bytes = await data(
        api.GET("/v1/maps/{name}/points", { params, parseAs: "arrayBuffer", signal }),
      );
      return readPoints(bytes as unknown as ArrayBuffer);
    },
  });
}

export interface Layout {
  /** Null for all sounds. */
  readonly collection: string | null;
  readonly seed?: number;
}

/** Ask for a map to be laid out; `again` computes one anew that is there. */
export async function layOut(name: string, layout: Layout, again = false): Promise<boolean> {
  try {
    await data(
      api.PUT("/v1/maps/{name}", {
        params: { path: { name }, query: again ? { again: true } : {} },
        body: {
          collection: layout.collection,
          ...(layout.seed !== undefined && { seed: layout.seed }),
        },
      }),
    );
  } catch (error) {
    showToast(problemText(error));
    return false;
  } finally {
    await queries.invalidateQueries({ queryKey: mapsQuery.queryKey });
  }
  return true;
}

/** Forget a map, undoably: the same seed lays out the same picture. */
export async function forgetMap({ name, collection, seed }: SoundMap): Promise<void> {
  const label = `Map ${name} forgotten`;
  const params = { path: { name } };
  try {
    await undoQueue.run({
      label,
      apply: async () => {
        await data(api.DELETE("/v1/maps/{name}", { params }));
        await queries.invalidateQueries({ queryKey: mapsQuery.queryKey });
      },
      revert: async () => {
        await data(
          api.PUT("/v1/maps/{name}", { params, body: { collection: collection ?? null, seed } }),
        );
        await queries.invalidateQueries({ queryKey: mapsQuery.queryKey });
      },
    });
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}

/** The items of points in view. */
export const pointItems = new ItemReader<Item>(
  (item) => data(api.GET("/v1/items/{item}", { params: { path: { item } } })),
  { atOnce: 6, kept: 4000 },
);
