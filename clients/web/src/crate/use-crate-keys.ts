/** Binds the Crate's keys to what they do. */

import { useState } from "react";
import { player } from "../audio/player";
import { showToast } from "../data/toasts";
import { useKeys, type Handlers } from "../keys/commands";
import { exportItems } from "../export/open";
import { audition } from "./audition";
import { saveSound } from "./saving";
import { addRange, NONE } from "./selection";
import type { Crate } from "./use-crate";

const AUTO_PLAY = "cratedig.auto-play-off";

export interface CrateActions {
  rowsInView(): number;
  onTray(): void;
  onTag(): void;
  onCollect(): void;
  onTeach(): void;
  onInspector(): void;
  onLike(): void;
  onClose(): void;
}

export function useCrateKeys(crate: Crate, actions: CrateActions): void {
  const [isAutoPlay, setIsAutoPlay] = useState(() => localStorage.getItem(AUTO_PLAY) !== "1");
  const { row, hit, pages } = crate;
  const last = (pages.total ?? 1) - 1;
  const move = (to: number, extend = false): void => {
    crate.moveTo(to, { extend, play: isAutoPlay && !extend });
  };
  const handlers: Handlers = {
    "crate-down": () => move(row + 1),
    "crate-up": () => move(row - 1),
    "crate-extend-down": () => move(row + 1, true),
    "crate-extend-up": () => move(row - 1, true),
    "crate-page-down": () => move(row + actions.rowsInView()),
    "crate-page-up": () => move(row - actions.rowsInView()),
    "crate-first": () => move(0),
    "crate-last": () => move(last),
    "crate-stop": () => player.pause(),
    "crate-again": () => hit && audition(hit),
    "crate-to-tray": actions.onTray,
    "crate-favourite": () =>
      crate.edit(
        (hits) => ({ favourite: !hits.every((each) => each.favourite) }),
        hit?.favourite ? "Favourite removed" : "Favourite",
      ),
    "crate-tag": actions.onTag,
    "crate-collect": actions.onCollect,
    "crate-teach": actions.onTeach,
    "crate-select-all": () => {
      if (last >= 0) crate.select(addRange(NONE, 0, last));
    },
    "crate-save": () => hit && void saveSound(hit),
    export: () => void crate.targets().then((hits) => exportItems(hits.map((each) => each.item))),
    "crate-hide": () => void crate.hide(),
    "crate-auto-play": () => {
      localStorage.setItem(AUTO_PLAY, isAutoPlay ? "1" : "0");
      setIsAutoPlay(!isAutoPlay);
      showToast(isAutoPlay ? "Moving no longer plays." : "Moving plays.");
    },
    "crate-inspector": actions.onInspector,
    "crate-like": actions.onLike,
    close: () => {
      actions.onClose();
      crate.select(NONE);
    },
    play: () => {
      const { sound, playing } = player.state.get();
      if (playing) player.pause();
      else if (hit && sound?.key !== hit.item.id) audition(hit);
      else void player.play();
    },
  };
  useKeys({ ...handlers, ...ratings(crate) });
}

function ratings(crate: Crate): Handlers {
  return Object.fromEntries(
    [0, 1, 2, 3, 4, 5].map((stars) => [
      `crate-rating-${stars}`,
      () => crate.edit({ rating: stars || null }, stars ? `Rated ${stars}` : "Rating removed"),
    ]),
  );
}
