import { expect, test } from "vitest";
import { mapParameters, parseMapAddress } from "./address";
import { classShares, familiesOf, familyOf } from "./families";
import { formatLasso, middleOf, parseLasso, simplified } from "./lasso";
import { copyName, nameOf } from "./names";
import { itemOf, pointOf, readPoints, type MapPoints } from "./points";
import { nearestFirst, PointIndex, SPAN } from "./point-index";
import { emphasis } from "./renderer";
import {
  MAX_ZOOM,
  panned,
  toPixels,
  toPosition,
  viewOf,
  WHOLE,
  zoomed,
  type Position,
} from "./view";

const SIZE = { width: 1000, height: 800 };

/** Return the answer of a server that holds these points. */
function answer(points: readonly (readonly [x: number, y: number, kind: number])[]): ArrayBuffer {
  const count = points.length;
  const bytes = new ArrayBuffer(8 + count * 21);
  const view = new DataView(bytes);
  [..."CDM1"].forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
  view.setUint32(4, count, true);
  points.forEach(([x, y, kind], point) => {
    for (let byte = 0; byte < 16; byte += 1) view.setUint8(8 + point * 16 + byte, byte);
    view.setUint32(8 + point * 16 + 12, point, false);
    view.setUint16(8 + count * 16 + point * 2, Math.round(x * SPAN), true);
    view.setUint16(8 + count * 18 + point * 2, Math.round(y * SPAN), true);
    view.setUint8(8 + count * 20 + point, kind);
  });
  return bytes;
}

/** Return points at pseudo-random places. */
function scattered(count: number): MapPoints {
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  return readPoints(answer(Array.from({ length: count }, () => [random(), random(), 0] as const)));
}

test("points are read as the server writes them", () => {
  const points = readPoints(
    answer([
      [0, 0.5, 3],
      [1, 0.25, 0],
    ]),
  );
  expect(points.count).toBe(2);
  expect([...points.x]).toEqual([0, SPAN]);
  expect([...points.kind]).toEqual([3, 0]);
  const item = itemOf(points, 1);
  expect(item).toBe("00010203-0405-0607-0809-0a0b00000001");
  expect(pointOf(points, item)).toBe(1);
  expect(pointOf(points, item.toUpperCase())).toBe(1);
  expect(pointOf(points, "00010203-0405-0607-0809-0a0b00000002")).toBe(-1);
  expect(pointOf(points, "no id")).toBe(-1);
});

test("bytes that are no map, or not all of one, are refused", () => {
  expect(() => readPoints(new ArrayBuffer(3))).toThrow(RangeError);
  expect(() =>
    readPoints(new TextEncoder().encode("CDM2\0\0\0\0").buffer as ArrayBuffer),
  ).toThrow();
  expect(() => readPoints(answer([[0, 0, 0]]).slice(0, 20))).toThrow("cut off");
  expect(readPoints(answer([])).count).toBe(0);
});

test("pixels and positions are each other's inverse, and zooming keeps what is under the pointer", () => {
  const view = { x: 0.4, y: 0.6, zoom: 3 };
  const [x, y] = toPosition(view, SIZE, toPixels(view, SIZE, [0.45, 0.55]));
  expect(x).toBeCloseTo(0.45);
  expect(y).toBeCloseTo(0.55);
  const under = toPosition(view, SIZE, [700, 300]);
  const closer = zoomed(view, SIZE, 2, [700, 300]);
  expect(closer.zoom).toBe(6);
  expect(toPosition(closer, SIZE, [700, 300])[0]).toBeCloseTo(under[0]);
  expect(zoomed(view, SIZE, 1e6, [0, 0]).zoom).toBe(MAX_ZOOM);
  expect(zoomed(view, SIZE, 1e-6, [0, 0]).zoom).toBe(1);
  expect(panned(WHOLE, SIZE, 1e6, 0).x).toBe(0);
});

test("a view shows all of the positions it is made for", () => {
  const positions: Position[] = [
    [0.2, 0.3],
    [0.4, 0.35],
  ];
  const view = viewOf(positions, SIZE);
  for (const position of positions) {
    const [x, y] = toPixels(view, SIZE, position);
    expect(x).toBeGreaterThan(0);
    expect(x).toBeLessThan(SIZE.width);
    expect(y).toBeGreaterThan(0);
    expect(y).toBeLessThan(SIZE.height);
  }
  expect(viewOf([], SIZE)).toEqual(WHOLE);
});

test("the grid finds what a look at every point finds", () => {
  const points = scattered(5000);
  const index = new PointIndex(points);
  const all = Array.from({ length: points.count }, (_, point) => point);
  const distance = (point: number, [x, y]: Position): number => {
    const [px, py] = index.position(point);
    return Math.hypot(px - x, py - y);
  };
  const at: Position = [0.31, 0.72];
  const nearest = all.reduce((a, b) => (distance(b, at) < distance(a, at) ? b : a));
  expect(index.nearest(at, 0.1)).toBe(nearest);
  expect(index.nearest([2, 2], 0.1)).toBe(-1);
  const polygon: Position[] = [
    [0.1, 0.1],
    [0.9, 0.1],
    [0.9, 0.9],
    [0.5, 0.2],
    [0.1, 0.9],
  ];
  const inside = new Set(index.inside(polygon));
  expect(inside.size).toBeGreaterThan(500);
  for (const point of all) {
    const [x, y] = index.position(point);
    // The polygon is its square without the notch that reaches down to (0.5, 0.2).
    const notch = Math.abs(x - 0.5) / 0.4;
    const expected = x > 0.1 && x < 0.9 && y > 0.1 && y < 0.2 + 0.7 * notch;
    expect(inside.has(point)).toBe(expected);
  }
  const box = index.within(0.2, 0.2, 0.4, 0.4);
  expect(box.length).toBe(
    all.filter((p) => {
      const [x, y] = index.position(p);
      return x >= 0.2 && x <= 0.4 && y >= 0.2 && y <= 0.4;
    }).length,
  );
  const order = nearestFirst(points, box, at);
  const distances = Array.from(order, (point) => distance(point, at));
  expect(distances).toEqual([...distances].sort((a, b) => a - b));
});

test("strumming passes the points along the line, each once", () => {
  const points = readPoints(
    answer([
      [0.1, 0.5, 0],
      [0.5, 0.51, 0],
      [0.9, 0.5, 0],
      [0.5, 0.9, 0],
    ]),
  );
  const index = new PointIndex(points);
  expect(index.along([0, 0.5], [1, 0.5], 0.02)).toEqual([0, 1, 2]);
  expect(index.along([1, 0.5], [0.6, 0.5], 0.02)).toEqual([2]);
  expect(index.along([0.2, 0.1], [0.2, 0.1], 0.02)).toEqual([]);
});

test("200,000 points are found, chosen and ordered within a frame or two", () => {
  const points = scattered(200_000);
  const started = performance.now();
  const index = new PointIndex(points);
  const chosen = index.inside([
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ]);
  nearestFirst(points, chosen, [0.5, 0.5]);
  pointOf(points, itemOf(points, 199_999));
  // Generous, because the machine that runs tests is shared; it takes about 80 ms.
  expect(performance.now() - started).toBeLessThan(1500);
  expect(chosen.length).toBeGreaterThan(199_000);
});

test("a lasso survives the address with few corners", () => {
  const circle: Position[] = Array.from({ length: 400 }, (_, step) => {
    const angle = (step / 400) * 2 * Math.PI;
    return [0.5 + 0.2 * Math.cos(angle), 0.4 + 0.2 * Math.sin(angle)];
  });
  const corners = simplified(circle, 0.002);
  expect(corners.length).toBeGreaterThan(8);
  expect(corners.length).toBeLessThanOrEqual(60);
  const read = parseLasso(formatLasso(corners));
  expect(read).toHaveLength(corners.length);
  read?.forEach(([x, y], at) => {
    expect(x).toBeCloseTo(corners[at]?.[0] ?? 0, 4);
    expect(y).toBeCloseTo(corners[at]?.[1] ?? 0, 4);
  });
  expect(
    middleOf([
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ]),
  ).toEqual([0.5, 0.5]);
  expect(parseLasso(null)).toBeNull();
  expect(parseLasso("00")).toBeNull();
});

test("the address is the state", () => {
  const written = mapParameters({
    view: { x: 0.62, y: 0.7, zoom: 1.4 },
    lasso: [
      [0, 0],
      [1, 0],
      [1, 1],
    ],
    at: "item",
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(written)) if (value !== null) query.set(name, value);
  expect(query.get("x")).toBe(".62");
  const read = parseMapAddress(query);
  expect(read.view).toEqual({ x: 0.62, y: 0.7, zoom: 1.4 });
  expect(read.lasso).toHaveLength(3);
  expect(read.at).toBe("item");
  expect(parseMapAddress(new URLSearchParams("x=nowhere&z=-3"))).toEqual({
    view: WHOLE,
    lasso: null,
    at: null,
  });
  expect(mapParameters({ view: WHOLE, lasso: null, at: null })).toEqual({
    x: null,
    y: null,
    z: null,
    lasso: null,
    at: null,
  });
});

test("classes have families, and a choice says what it holds", () => {
  const classes = ["kick", "snare", "synth", "vocal"];
  expect(familyOf("open_hat").name).toBe("Metal");
  expect(familyOf("").name).toBe("Other");
  const kinds = Uint8Array.from([2, 2, 2, 1, 255]);
  expect(familiesOf(classes, kinds).map(({ name }) => name)).toEqual(["Snares", "Tonal", "Other"]);
  expect(classShares(classes, kinds, [0, 1, 2, 3])).toBe("75\u202f% synth, 25\u202f% snare");
  expect(classShares(classes, kinds, [])).toBe("");
});

test("new maps have names that are free and may be written", () => {
  expect(copyName("everything", ["everything", "everything 2"])).toBe("everything 3");
  expect(copyName("everything 2", ["everything", "everything 2"])).toBe("everything 3");
  expect(nameOf("Nächte & Busse!", [])).toBe("Nachte - Busse");
  expect(nameOf("夜", [])).toBe("collection");
});

test("the fewer the points, the larger", () => {
  expect(emphasis(200_000)).toBe(1);
  expect(emphasis(20_000)).toBe(1);
  expect(emphasis(1250)).toBe(2);
  expect(emphasis(0)).toBe(3);
});
