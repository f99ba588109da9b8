/** What part of a map is in view: between positions on the unit square and pixels of the canvas. */

export interface View {
  /** The position in the middle of the canvas. */
  readonly x: number;
  readonly y: number;
  /** 1 shows the whole map. */
  readonly zoom: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export type Position = readonly [x: number, y: number];

export const WHOLE: View = { x: 0.5, y: 0.5, zoom: 1 };
export const MAX_ZOOM = 200;
/** Share of the shorter side that the whole map takes. */
const MARGIN = 0.94;

/** Return the pixels of one unit. */
export function scaleOf({ zoom }: View, { width, height }: Size): number {
  return zoom * Math.max(1, Math.min(width, height)) * MARGIN;
}

/** Return where a position is drawn, in pixels. */
export function toPixels(view: View, size: Size, [x, y]: Position): Position {
  const scale = scaleOf(view, size);
  return [(x - view.x) * scale + size.width / 2, (y - view.y) * scale + size.height / 2];
}

/** Return the position that is drawn at a pixel. */
export function toPosition(view: View, size: Size, [x, y]: Position): Position {
  const scale = scaleOf(view, size);
  return [(x - size.width / 2) / scale + view.x, (y - size.height / 2) / scale + view.y];
}

/** Return the view after the map was dragged by pixels. */
export function panned(view: View, size: Size, dx: number, dy: number): View {
  const scale = scaleOf(view, size);
  return kept({ ...view, x: view.x - dx / scale, y: view.y - dy / scale });
}

/** Return the view zoomed by a factor; the position at a pixel stays where it is. */
export function zoomed(view: View, size: Size, factor: number, pixel: Position): View {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  const [x, y] = toPosition(view, size, pixel);
  const scale = scaleOf({ ...view, zoom }, size);
  return kept({
    x: x - (pixel[0] - size.width / 2) / scale,
    y: y - (pixel[1] - size.height / 2) / scale,
    zoom,
  });
}

/** Return the view between two others, as a movement passes through it; `share` is 0 to 1. */
export function between(from: View, to: View, share: number): View {
  const mix = (a: number, b: number): number => a + (b - a) * share;
  return {
    x: mix(from.x, to.x),
    y: mix(from.y, to.y),
    zoom: from.zoom * (to.zoom / from.zoom) ** share,
  };
}

/** Return the least view that shows positions, with some room around them. */
export function viewOf(positions: Iterable<Position>, size: Size): View {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of positions) {
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  if (left > right) return WHOLE;
  const across = (right - left) / Math.max(1, size.width);
  const down = (bottom - top) / Math.max(1, size.height);
  const units = Math.max(across, down, 1e-6) * 1.4;
  const zoom = 1 / (units * Math.max(1, Math.min(size.width, size.height)) * MARGIN);
  return kept({
    x: (left + right) / 2,
    y: (top + bottom) / 2,
    zoom: Math.min(40, Math.max(1, zoom)),
  });
}

/** Keep the middle of the canvas on the map, so that it cannot be lost. */
function kept(view: View): View {
  const inside = (value: number): number => Math.min(1, Math.max(0, value));
  return { ...view, x: inside(view.x), y: inside(view.y) };
}
