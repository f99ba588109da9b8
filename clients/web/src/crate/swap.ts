/** Swaps the lit pad for its neighbours: the sounds that are most like what was put on it. */

import { api, data } from "../data/api";
import { queries } from "../data/cache";
import { player } from "../audio/player";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { useKeys } from "../keys/commands";
import { auditionItem } from "./audition";
import { nextInRing } from "./ring";
import { putOnPad, trayQuery } from "./tray-data";
import type { Item } from "./types";

/** Neighbours that a pad goes through. */
const NEIGHBOURS = 12;

/** The sounds that each pad goes through; the first is what was put on it. */
const rings = new Map<number, readonly Item[]>();
let isSwapping = false;

/** Put the next or the previous neighbour on the pad whose sound is in the player, and play it. */
async function swapLitPad(step: 1 | -1): Promise<void> {
  const { sound } = player.state.get();
  const places = await queries.ensureQueryData(trayQuery);
  const lit = places.find(({ item }) => item && item.id === sound?.key);
  if (!lit?.item) {
    showToast("No pad is lit. Play a pad first.");
    return;
  }
  if (lit.locked) {
    showToast(`Pad ${lit.place} is locked.`);
    return;
  }
  const { item, place } = lit;
  let ring = rings.get(place);
  if (!ring?.some(({ id }) => id === item.id)) {
    ring = await readRing(item);
    rings.set(place, ring);
  }
  const others = places.flatMap((other) =>
    other.item && other.place !== place ? [other.item.id] : [],
  );
  const next = nextInRing(ring, item.id, step, new Set(others));
  if (!next) {
    showToast("This sound has no neighbour yet.");
    return;
  }
  auditionItem(next);
  await putOnPad(place, next);
}

async function readRing(item: Item): Promise<readonly Item[]> {
  const { items } = await data(
    api.GET("/v1/items/{item}/similar", {
      params: { path: { item: item.id }, query: { limit: NEIGHBOURS } },
    }),
  );
  return [item, ...items.map(({ hit }) => hit.item)];
}

/** Bind the keys that swap the lit pad. */
export function useSwapKeys(): void {
  const swap = (step: 1 | -1): void => {
    if (isSwapping) return;
    isSwapping = true;
    swapLitPad(step)
      .catch((error: unknown) => showToast(problemText(error)))
      .finally(() => {
        isSwapping = false;
      });
  };
  useKeys({ "swap-next": () => swap(1), "swap-previous": () => swap(-1) });
}
