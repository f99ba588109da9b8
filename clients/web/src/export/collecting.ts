/** Makes a collection of selected sounds, because a bundle of several sounds needs one. */
import { api, data, idempotent, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { startExport } from "./jobs";
import { exportSubject } from "./open";

/** Items that one request adds at most. */
const PART = 200;
/** Files that a bundle reads at most. */
export const MAX_SOUNDS = 1000;

/**
 * Create a collection that holds items in their order.
 * @throws ProblemError if the server refuses.
 */
async function makeCollection(
  name: string,
  items: readonly Schemas["Item"][],
): Promise<Schemas["Collection"]> {
  const made = await data(api.POST("/v1/collections", { body: { name }, headers: idempotent() }));
  const params = { path: { collection: made.id } };
  for (let first = 0; first < items.length; first += PART) {
    const body = { items: items.slice(first, first + PART).map(({ id }) => id) };
    await data(
      api.POST("/v1/collections/{collection}/items", { params, body, headers: idempotent() }),
    );
  }
  await queries.invalidateQueries({ queryKey: ["collections"] });
  return made;
}

/**
 * Make a collection of sounds, show its export in place of theirs, and start it.
 * @throws ProblemError if the server refuses.
 */
export async function collectAndExport(
  items: readonly Schemas["Item"][],
  name: string,
  params: Record<string, unknown>,
): Promise<void> {
  const { id } = await makeCollection(name, items);
  exportSubject.set({ kind: "collection", id, name });
  await startExport({ kind: "collection", id, name }, params);
}
