/** The tray: 16 places of the account, changed optimistically and undoably. */

import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../data/api";
import { keepAnswer, queries, showChange } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { baseName } from "../parts/format";
import type { Item, TrayPlace } from "./types";

const KEY = ["tray"];

/** The keys of the pads in the order of the places, by their position on the keyboard. */
export const PAD_CODES: readonly string[] = [
  ...["KeyZ", "KeyX", "KeyC", "KeyV", "KeyA", "KeyS", "KeyD", "KeyF"],
  ...["KeyQ", "KeyW", "KeyE", "KeyR", "Digit1", "Digit2", "Digit3", "Digit4"],
];
/** What the keys of the pads are called where the keyboard's layout is not known. */
export const PAD_CAPS: readonly string[] = [..."ZXCVASDFQWER1234"];

export const trayQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal }): Promise<readonly TrayPlace[]> =>
    (await data(api.GET("/v1/tray", { signal }))).places,
});

/** The id of the tray as a collection. */
export const trayIdQuery = queryOptions({
  queryKey: ["tray-id"],
  staleTime: Infinity,
  queryFn: async ({ signal }): Promise<string> => {
    const params = { path: { collection: "tray" } };
    return (await data(api.GET("/v1/collections/{collection}", { params, signal }))).id;
  },
});

/** Put items into the first free places; say so if there is no room. */
export async function addToTray(items: readonly Item[]): Promise<void> {
  const places = await queries.ensureQueryData(trayQuery);
  const held = new Set(places.map((place) => place.item?.id));
  const free = places.filter((place) => !place.item && !place.locked);
  const fresh = items.filter((item) => !held.has(item.id));
  if (fresh.length === 0) {
    showToast(items.length === 1 ? "This sound is in the tray." : "These sounds are in the tray.");
    return;
  }
  const taken = fresh.slice(0, free.length);
  if (taken.length > 0) {
    await edit(
      taken.length === 1
        ? `${baseName(taken[0]?.name ?? "")} in the tray`
        : `${taken.length} in the tray`,
      taken.map((item, index) => ({ place: free[index]?.place ?? 1, item, locked: false })),
    );
  }
  if (taken.length < fresh.length) showToast("The tray is full. Empty a pad first.");
}

/** Put an item on one place. */
export function putOnPad(place: number, item: Item): Promise<void> {
  return edit(`${baseName(item.name)} on pad ${place}`, [{ place, item, locked: false }]);
}

/** Empty a place. */
export function emptyPad({ place }: TrayPlace): Promise<void> {
  return edit(`Pad ${place} emptied`, [{ place, item: null, locked: false }]);
}

/** Lock a place, or unlock it. */
export function lockPad({ place, item }: TrayPlace, locked: boolean): Promise<void> {
  const label = locked ? `Pad ${place} locked` : `Pad ${place} unlocked`;
  return edit(label, [{ place, item: item ?? null, locked }]);
}

/** Change places; the change is shown at once and taken back if the server refuses it. */
async function edit(label: string, changes: readonly TrayPlace[]): Promise<void> {
  const before = queries.getQueryData<readonly TrayPlace[]>(KEY) ?? [];
  const touched = new Set(changes.map((change) => change.place));
  const undo = before.filter((place) => touched.has(place.place));
  show(changes);
  try {
    await undoQueue.run({ label, apply: () => send(changes), revert: () => send(undo) });
  } catch (error) {
    keepAnswer(KEY, before);
    showToast(problemText(error));
  }
}

async function send(changes: readonly TrayPlace[]): Promise<void> {
  show(changes);
  for (const { place, item, locked } of changes) {
    const { places } = await data(
      api.PUT("/v1/tray/{place}", {
        params: { path: { place } },
        body: { item: item?.id ?? null, locked: locked ?? false },
      }),
    );
    keepAnswer(KEY, places);
  }
}

function show(changes: readonly TrayPlace[]): void {
  showChange<readonly TrayPlace[]>(KEY, (places) =>
    places.map((place) => changes.find((change) => change.place === place.place) ?? place),
  );
}
