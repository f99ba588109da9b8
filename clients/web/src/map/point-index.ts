/** Finds points of a map by position: a grid of cells, each with its points in a row. */

import type { MapPoints } from "./points";
import type { Position } from "./view";

/** Greatest value of a coordinate. */
export const SPAN = 65_535;
const POINTS_PER_CELL = 6;
const MAX_CELLS = 512;

export class PointIndex {
  readonly points: MapPoints;
  readonly #side: number;
  /** First entry in `#order` of each cell; one more cell ends the last. */
  readonly #first: Uint32Array;
  readonly #order: Uint32Array;

  constructor(points: MapPoints) {
    this.points = points;
    const { count } = points;
    this.#side = Math.min(MAX_CELLS, Math.max(1, Math.ceil(Math.sqrt(count / POINTS_PER_CELL))));
    this.#first = new Uint32Array(this.#side * this.#side + 1);
    this.#order = new Uint32Array(count);
    for (let point = 0; point < count; point += 1) this.#add(this.#cellOf(point) + 1, 1);
    for (let cell = 1; cell < this.#first.length; cell += 1) this.#add(cell, this.#at(cell - 1));
    const next = this.#first.slice();
    for (let point = 0; point < count; point += 1) {
      const cell = this.#cellOf(point);
      const place = next[cell] ?? 0;
      this.#order[place] = point;
      next[cell] = place + 1;
    }
  }

  /** Return the position of a point on the unit square. */
  position(point: number): Position {
    return [(this.points.x[point] ?? 0) / SPAN, (this.points.y[point] ?? 0) / SPAN];
  }

  /** Return the point that is nearest to a position and not farther than `radius`, or -1. */
  nearest([x, y]: Position, radius: number): number {
    let best = -1;
    let least = radius * radius;
    this.#visit(x - radius, y - radius, x + radius, y + radius, (point, px, py) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance <= least) {
        least = distance;
        best = point;
      }
    });
    return best;
  }

  /** Return the points in a rectangle. */
  within(left: number, top: number, right: number, bottom: number): number[] {
    const found: number[] = [];
    this.#visit(left, top, right, bottom, (point, x, y) => {
      if (x >= left && x <= right && y >= top && y <= bottom) found.push(point);
    });
    return found;
  }

  /** Return the points inside a polygon, by the even-odd rule. */
  inside(polygon: readonly Position[]): number[] {
    const xs = polygon.map(([x]) => x);
    const ys = polygon.map(([, y]) => y);
    const found: number[] = [];
    const [left, top] = [Math.min(...xs), Math.min(...ys)];
    const [right, bottom] = [Math.max(...xs), Math.max(...ys)];
    this.#visit(left, top, right, bottom, (point, x, y) => {
      if (isInside(polygon, x, y)) found.push(point);
    });
    return found;
  }

  /** Return the points that a line passes, in order: each that is nearest to it on the way. */
  along(from: Position, to: Position, radius: number): number[] {
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) / radius));
    const found: number[] = [];
    for (let step = 1; step <= steps; step += 1) {
      const share = step / steps;
      const at: Position = [
        from[0] + (to[0] - from[0]) * share,
        from[1] + (to[1] - from[1]) * share,
      ];
      const point = this.nearest(at, radius);
      if (point >= 0 && found.at(-1) !== point) found.push(point);
    }
    return found;
  }

  #visit(
    left: number,
    top: number,
    right: number,
    bottom: number,
    visit: (point: number, x: number, y: number) => void,
  ): void {
    const [x, y] = [this.points.x, this.points.y];
    const [firstColumn, lastColumn] = [this.#line(left), this.#line(right)];
    for (let row = this.#line(top); row <= this.#line(bottom); row += 1) {
      const from = this.#at(row * this.#side + firstColumn);
      const end = this.#at(row * this.#side + lastColumn + 1);
      for (let place = from; place < end; place += 1) {
        const point = this.#order[place] ?? 0;
        visit(point, (x[point] ?? 0) / SPAN, (y[point] ?? 0) / SPAN);
      }
    }
  }

  /** Return the column or row of a coordinate on the unit square. */
  #line(value: number): number {
    return Math.min(this.#side - 1, Math.max(0, Math.floor(value * this.#side)));
  }

  #cellOf(point: number): number {
    const [x, y] = this.position(point);
    return this.#line(y) * this.#side + this.#line(x);
  }

  #at(cell: number): number {
    return this.#first[cell] ?? 0;
  }

  #add(cell: number, value: number): void {
    this.#first[cell] = this.#at(cell) + value;
  }
}

function isInside(polygon: readonly Position[], x: number, y: number): boolean {
  let inside = false;
  let [bx, by] = polygon.at(-1) ?? [0, 0];
  for (const [ax, ay] of polygon) {
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
    [bx, by] = [ax, ay];
  }
  return inside;
}

/** Return points by their distance from a position, the nearest first. */
export function nearestFirst(
  { x, y }: MapPoints,
  chosen: readonly number[],
  [cx, cy]: Position,
): Uint32Array {
  // One number for each point, so that they can be sorted without calls: distance, then point.
  const POINTS = 2 ** 20;
  const keys = Float64Array.from(chosen, (point) => {
    const distance = Math.hypot((x[point] ?? 0) / SPAN - cx, (y[point] ?? 0) / SPAN - cy);
    return Math.round(distance * 2 ** 30) * POINTS + point;
  }).sort();
  return Uint32Array.from(keys, (key) => key % POINTS);
}
