/** Binds the keys of a map to what they do. */

import { navigate } from "../address";
import { player } from "../audio/player";
import { useKeys } from "../keys/commands";
import { chooseView } from "./panel";
import { playItem } from "./playing";
import { itemOf } from "./points";
import type { MapState } from "./use-map";
import { WHOLE, zoomed } from "./view";

const ZOOM_STEP = 1.5;

export interface MapActions {
  rowsInView(): number;
  onCollect(): void;
  onTray(): void;
}

export function useMapKeys(state: MapState, actions: MapActions): void {
  const { row, order, points, current, scene, setTool } = state;
  const zoom = (factor: number): void => {
    if (!scene) return;
    const middle = [scene.size.width / 2, scene.size.height / 2] as const;
    scene.moveTo(zoomed(scene.view, scene.size, factor, middle));
  };
  const again = (): void => {
    if (current >= 0) void playItem(itemOf(points, current));
  };
  useKeys({
    "map-down": () => state.goToRow(row + 1),
    "map-up": () => state.goToRow(row < 0 ? 0 : row - 1),
    "map-page-down": () => state.goToRow(row + actions.rowsInView()),
    "map-page-up": () => state.goToRow(row - actions.rowsInView()),
    "map-first": () => state.goToRow(0),
    "map-last": () => state.goToRow(order.length - 1),
    "map-stop": () => player.pause(),
    "map-again": again,
    "map-to-tray": actions.onTray,
    "map-collect": actions.onCollect,
    "map-like": () => {
      if (current >= 0) navigate(`/crate?like=${itemOf(points, current)}`);
    },
    "map-pan": () => setTool("pan"),
    "map-lasso": () => setTool("lasso"),
    "map-strum": () => setTool("strum"),
    "map-choose-view": () => chooseView(state),
    "map-zoom-in": () => zoom(ZOOM_STEP),
    "map-zoom-out": () => zoom(1 / ZOOM_STEP),
    "map-fit": () => scene?.moveTo(WHOLE),
    close: () => state.setLasso(null),
    play: () => {
      const { sound, playing } = player.state.get();
      if (playing) player.pause();
      else if (current >= 0 && sound?.key !== itemOf(points, current)) again();
      else void player.play();
    },
  });
}
