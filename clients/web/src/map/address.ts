/** The state of a map as its address holds it: what is in view, the lasso and the current sound. */

import { formatLasso, parseLasso, type Polygon } from "./lasso";
import { MAX_ZOOM, WHOLE, type View } from "./view";

export interface MapAddress {
  readonly view: View;
  readonly lasso: Polygon | null;
  /** The current item. */
  readonly at: string | null;
}

/** Read the state from an address. What cannot be read is left at its default. */
export function parseMapAddress(params: URLSearchParams): MapAddress {
  const number = (name: string, otherwise: number, least: number, most: number): number => {
    const text = params.get(name);
    const value = text === null || text === "" ? NaN : Number(text);
    return Number.isFinite(value) ? Math.min(most, Math.max(least, value)) : otherwise;
  };
  return {
    view: {
      x: number("x", WHOLE.x, 0, 1),
      y: number("y", WHOLE.y, 0, 1),
      zoom: number("z", WHOLE.zoom, 1, MAX_ZOOM),
    },
    lasso: parseLasso(params.get("lasso")),
    at: params.get("at"),
  };
}

/** Return the parameters of a state; null for what is at its default. */
export function mapParameters({ view, lasso, at }: MapAddress): Record<string, string | null> {
  const isWhole = view.zoom === WHOLE.zoom && view.x === WHOLE.x && view.y === WHOLE.y;
  return {
    x: isWhole ? null : short(view.x, 4),
    y: isWhole ? null : short(view.y, 4),
    z: isWhole ? null : short(view.zoom, 2),
    lasso: lasso === null ? null : formatLasso(lasso),
    at,
  };
}

function short(value: number, decimals: number): string {
  return String(Number(value.toFixed(decimals))).replace(/^0\./, ".");
}
