/** A lasso: drawn freely, kept as a polygon of few corners, written into the address. */

import type { Position } from "./view";

export type Polygon = readonly Position[];

const MAX_CORNERS = 60;
/** Positions are written with three digits of base 36 over this range, which is a margin wider than the map. */
const LEAST = -0.5;
const RANGE = 2;
const DIGITS = 36 ** 3 - 1;

/** Return a drawn line with fewer corners, none of which moves it by more than `tolerance`. */
export function simplified(line: Polygon, tolerance: number): Polygon {
  let result = reduced(line, tolerance);
  for (let wider = tolerance * 2; result.length > MAX_CORNERS; wider *= 2) {
    result = reduced(line, wider);
  }
  return result;
}

/** Simplify by the Douglas–Peucker algorithm. */
function reduced(line: Polygon, tolerance: number): Polygon {
  const [first, last] = [line[0], line.at(-1)];
  if (line.length < 3 || !first || !last) return line;
  let farthest = 0;
  let greatest = 0;
  line.forEach((position, index) => {
    const distance = distanceFrom(position, first, last);
    if (distance > greatest) [farthest, greatest] = [index, distance];
  });
  if (greatest <= tolerance) return [first, last];
  const before = reduced(line.slice(0, farthest + 1), tolerance);
  return [...before.slice(0, -1), ...reduced(line.slice(farthest), tolerance)];
}

function distanceFrom([x, y]: Position, [ax, ay]: Position, [bx, by]: Position): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const share =
    length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

/** Write a polygon as text of an address. */
export function formatLasso(polygon: Polygon): string {
  return polygon.flatMap((position) => position.map(digits)).join("");
}

function digits(value: number): string {
  const share = Math.min(1, Math.max(0, (value - LEAST) / RANGE));
  return Math.round(share * DIGITS)
    .toString(36)
    .padStart(3, "0");
}

/** Read a polygon from an address; null if it holds none. */
export function parseLasso(text: string | null): Polygon | null {
  const corners = text?.match(/[0-9a-z]{6}/g) ?? [];
  if (corners.length < 3 || corners.length > MAX_CORNERS) return null;
  const value = (three: string): number => (Number.parseInt(three, 36) / DIGITS) * RANGE + LEAST;
  return corners.map((corner) => [value(corner.slice(0, 3)), value(corner.slice(3))]);
}

/** Return the mean of a polygon's corners. */
export function middleOf(polygon: Polygon): Position {
  const sum = (axis: 0 | 1): number =>
    polygon.reduce((total, position) => total + position[axis], 0) / polygon.length;
  return [sum(0), sum(1)];
}
