/** The picture of a map with what stands on it: labels, lasso, current sound and the name under the pointer. */

import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { className } from "../crate/texts";
import { useStore } from "../data/store";
import { baseName, plural } from "../parts/format";
import { themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { pointItems } from "./data";
import { familyOf, OTHER } from "./families";
import { prepareItems, playItem } from "./playing";
import { itemOf } from "./points";
import { listenToPointers } from "./pointer";
import { parseColour } from "./renderer";
import { Scene } from "./scene";
import type { MapState } from "./use-map";

/** Sounds around the pointer that are prepared for strumming. */
const PREPARED = 8;
/** Half the side of the square around the pointer in which they are, as a share of what is in view. */
const AROUND = 0.05;

export function MapCanvas({ state, onNoWebGL }: { state: MapState; onNoWebGL: () => void }) {
  const { map, points, index, chosen, lasso, current, scene, setScene } = state;
  const shownTheme = useStore(theme);
  const canvas = useRef<HTMLCanvasElement>(null);
  const path = useRef<SVGPathElement>(null);
  const ring = useRef<SVGSVGElement>(null);
  const tip = useRef<HTMLDivElement>(null);
  const labels = useRef<HTMLDivElement>(null);
  const [hovered, setHovered] = useState(-1);
  const latest = useRef({ state, onNoWebGL });
  useEffect(() => {
    latest.current = { state, onNoWebGL };
  });

  useEffect(() => {
    if (!canvas.current || !path.current || !ring.current || !tip.current) return;
    const elements = {
      canvas: canvas.current,
      lasso: path.current,
      current: ring.current,
      tip: tip.current,
    };
    const { view } = latest.current.state;
    const made = new Scene(elements, index, view, (next) => latest.current.state.moved(next));
    if (!made.hasWebGL) latest.current.onNoWebGL();
    const hover = (point: number): void => {
      made.setHovered(point);
      setHovered(point);
      if (point >= 0 && latest.current.state.tool === "strum")
        prepareAround(latest.current.state, point);
    };
    const stop = listenToPointers(elements.canvas, made, index, {
      tool: () => latest.current.state.tool,
      onHover: hover,
      onPick: (point) => latest.current.state.go(point),
      onStrum: (point) => {
        made.setCurrent(point);
        prepareAround(latest.current.state, point);
        void playItem(itemOf(index.points, point));
      },
      onLasso: (polygon) => latest.current.state.setLasso(polygon),
    });
    setScene(made);
    return () => {
      stop();
      setScene(null);
      made.close();
    };
  }, [index, setScene]);

  useEffect(() => {
    const colours = (map.classes ?? []).map((name) =>
      parseColour(themeColor(familyOf(name).colour)),
    );
    const other = parseColour(themeColor(OTHER.colour));
    scene?.setStyle({ colours, other, alpha: shownTheme === "light" ? 0.42 : 0.46 });
  }, [scene, map.classes, shownTheme]);
  useEffect(() => scene?.setChosen(chosen), [scene, chosen]);
  useEffect(() => scene?.setLasso(lasso ?? [], false), [scene, lasso]);
  useEffect(() => scene?.setCurrent(current), [scene, current]);
  useEffect(() => {
    const elements = labels.current?.children ?? [];
    scene?.setLabels(
      (map.labels ?? []).flatMap(({ x, y }, place) => {
        const element = elements[place];
        return element instanceof HTMLElement ? [{ element, at: [x, y] as const }] : [];
      }),
    );
  }, [scene, map.labels]);

  return (
    <>
      <canvas
        ref={canvas}
        className={`map-canvas ${state.tool}`}
        role="img"
        aria-label={`Map of ${plural(points.count, "sound")}. The list beside it holds the same sounds.`}
      />
      <svg className="map-lasso" aria-hidden="true">
        <path ref={path} />
      </svg>
      <svg ref={ring} className="map-ring" aria-hidden="true" viewBox="-12 -12 24 24">
        <circle r="4" />
        <circle r="9" className="outer" />
      </svg>
      <div ref={labels} className="map-labels" aria-hidden="true">
        {(map.labels ?? []).map((label) => (
          <span key={`${label.text} ${label.x} ${label.y}`}>{className(label.text)}</span>
        ))}
      </div>
      <div ref={tip} className="map-tip" hidden aria-hidden="true">
        <Tip state={state} point={hovered} />
      </div>
    </>
  );
}

function Tip({ state: { points, map }, point }: { state: MapState; point: number }) {
  useSyncExternalStore(pointItems.subscribe, pointItems.version);
  const id = useMemo(() => (point < 0 ? null : itemOf(points, point)), [points, point]);
  useEffect(() => {
    // A name is shown where the pointer rests, and not for each sound that it passes.
    const timer = setTimeout(() => id !== null && void pointItems.one(id), 60);
    return () => clearTimeout(timer);
  }, [id]);
  const item = id === null ? undefined : pointItems.get(id);
  return (
    <div>
      <b>{item ? baseName(item.name) : "…"}</b>{" "}
      <span className="fg2">{className(map.classes?.[points.kind[point] ?? 0] ?? "")}</span>
    </div>
  );
}

/** Prepare the sounds around a point, so that strumming is heard at once. */
function prepareAround({ index, scene, points }: MapState, point: number): void {
  const [x, y] = index.position(point);
  const reach = AROUND / (scene?.view.zoom ?? 1);
  const near = index.within(x - reach, y - reach, x + reach, y + reach);
  const nearest = near
    .map((other) => {
      const [ox, oy] = index.position(other);
      return { other, distance: Math.hypot(ox - x, oy - y) };
    })
    .sort((a, b) => a.distance - b.distance)
    .slice(0, PREPARED);
  void prepareItems(nearest.map(({ other }) => itemOf(points, other)));
}
