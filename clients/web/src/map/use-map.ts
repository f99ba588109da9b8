/** The state of an open map and what can be done with it. */

import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { setQuery, useAddress } from "../address";
import { mapParameters, parseMapAddress } from "./address";
import type { SoundMap } from "./data";
import { middleOf, type Polygon } from "./lasso";
import { playItem } from "./playing";
import { nearestFirst, PointIndex } from "./point-index";
import { itemOf, pointOf, type MapPoints } from "./points";
import type { Tool } from "./pointer";
import type { Scene } from "./scene";
import { toPosition, type View } from "./view";

/** Movements are written into the address when they rest, in milliseconds. */
const REST_MS = 250;
const NONE: readonly number[] = [];

export interface MapState {
  readonly map: SoundMap;
  readonly points: MapPoints;
  readonly index: PointIndex;
  readonly view: View;
  readonly lasso: Polygon | null;
  /** Points inside the lasso. */
  readonly chosen: readonly number[];
  /** Points of the list: those inside the lasso or else in view, the nearest to the middle first. */
  readonly order: Uint32Array;
  /** The current point, or -1. */
  readonly current: number;
  /** Its place in the list, or -1. */
  readonly row: number;
  readonly tool: Tool;
  readonly scene: Scene | null;
  setScene(scene: Scene | null): void;
  setTool(tool: Tool): void;
  setLasso(lasso: Polygon | null): void;
  /** Called after each movement of the picture. */
  moved(view: View): void;
  /** Make a point the current one. */
  go(point: number, options?: { play?: boolean }): void;
  /** Make a row of the list the current one. */
  goToRow(row: number, options?: { play?: boolean }): void;
}

export function useMap(map: SoundMap, points: MapPoints): MapState {
  const { query } = useAddress();
  const address = useMemo(() => parseMapAddress(query), [query]);
  const index = useMemo(() => new PointIndex(points), [points]);
  const [scene, setScene] = useState<Scene | null>(null);
  const [tool, setTool] = useState<Tool>("pan");
  const [view, setView] = useState(address.view);
  const [at, setAt] = useState(address.at);
  const timer = useRef(0);
  const written = useRef(query.toString());

  const write = useCallback((change: { view?: View; at?: string; lasso?: Polygon | null }) => {
    const now = parseMapAddress(new URLSearchParams(location.search));
    setQuery(mapParameters({ ...now, ...change }), { replace: change.lasso === undefined });
    written.current = new URLSearchParams(location.search).toString();
  }, []);
  const waiting = useRef<{ view?: View; at?: string }>({});
  const writeSoon = useCallback(
    (change: { view?: View; at?: string }) => {
      waiting.current = { ...waiting.current, ...change };
      clearTimeout(timer.current);
      timer.current = window.setTimeout(() => {
        const changes = waiting.current;
        waiting.current = {};
        if (!location.pathname.startsWith("/map")) return;
        write(changes);
        if (changes.view) setView(changes.view);
      }, REST_MS);
    },
    [write],
  );
  useEffect(() => () => clearTimeout(timer.current), []);

  // Another address: back, or a link.
  useEffect(() => {
    if (query.toString() === written.current) return;
    written.current = query.toString();
    const { view: next, at: item } = parseMapAddress(query);
    setView(next);
    setAt(item);
    scene?.moveTo(next);
  }, [query, scene]);

  const { lasso } = address;
  const chosen = useMemo(() => (lasso ? index.inside(lasso) : NONE), [index, lasso]);
  const order = useMemo(() => {
    if (lasso) return nearestFirst(points, chosen, middleOf(lasso));
    const size = scene?.size ?? { width: 1, height: 1 };
    const [left, top] = toPosition(view, size, [0, 0]);
    const [right, bottom] = toPosition(view, size, [size.width, size.height]);
    return nearestFirst(points, index.within(left, top, right, bottom), [view.x, view.y]);
  }, [points, index, scene, view, lasso, chosen]);
  const current = useMemo(() => (at === null ? -1 : pointOf(points, at)), [points, at]);
  const row = useMemo(() => order.indexOf(current), [order, current]);

  const go = useCallback(
    (point: number, { play = true }: { play?: boolean } = {}) => {
      const item = itemOf(points, point);
      setAt(item);
      writeSoon({ at: item });
      if (play) void playItem(item);
    },
    [points, writeSoon],
  );
  const goToRow = useCallback(
    (to: number, options: { play?: boolean } = {}) => {
      const point = order[Math.min(Math.max(to, 0), order.length - 1)];
      if (point === undefined) return;
      go(point, options);
      // Without a lasso the list is what is in view, and must not move under its reader.
      if (lasso) scene?.reveal(point);
    },
    [order, go, lasso, scene],
  );
  const setLasso = useCallback(
    (polygon: Polygon | null) => {
      const now = parseMapAddress(new URLSearchParams(location.search)).lasso;
      if (polygon !== null || now !== null) write({ lasso: polygon });
      else scene?.setLasso([], false);
    },
    [scene, write],
  );
  const moved = useCallback((next: View) => writeSoon({ view: next }), [writeSoon]);
  return {
    ...{ map, points, index, view, lasso, chosen, order, current, row, tool, scene },
    ...{ setScene, setTool, setLasso, moved, go, goToRow },
  };
}
