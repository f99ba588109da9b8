/** The list beside a map: the same sounds, exact, and of which only those in view exist as rows. */

import {
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
  type Ref,
  useImperativeHandle,
} from "react";
import { SmallWave } from "../crate/small-wave";
import { className, lengthWords } from "../crate/texts";
import { baseName } from "../parts/format";
import { pointItems } from "./data";
import { itemOf } from "./points";
import type { MapState } from "./use-map";

const ROW = 32;
/** Rows above and below those in view. */
const SPARE = 4;
/** Scrolling must rest this long before names are read, in milliseconds. */
const REST_MS = 60;

export interface ListHandle {
  /** Number of whole rows in view. */
  rowsInView(): number;
}

export function SoundList({ state, handle }: { state: MapState; handle: Ref<ListHandle> }) {
  const { order, points, row } = state;
  const viewport = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(0);
  useSyncExternalStore(pointItems.subscribe, pointItems.version);
  const first = Math.max(0, Math.floor(top / ROW) - SPARE);
  const end = Math.min(order.length, Math.ceil((top + height) / ROW) + SPARE);

  useImperativeHandle(handle, () => ({
    rowsInView: () => Math.max(1, Math.floor(height / ROW)),
  }));
  useEffect(() => {
    const shown = viewport.current;
    if (!shown) return;
    const sizes = new ResizeObserver(() => setHeight(shown.clientHeight));
    sizes.observe(shown);
    return () => sizes.disconnect();
  }, []);
  useEffect(() => {
    const shown = viewport.current;
    if (!shown || row < 0) return;
    if (row * ROW < shown.scrollTop) shown.scrollTop = row * ROW;
    const below = (row + 1) * ROW - shown.clientHeight;
    if (below > shown.scrollTop) shown.scrollTop = below;
  }, [row, order]);
  useEffect(() => {
    const timer = setTimeout(() => {
      const shown = order.subarray(first, end);
      pointItems.want(Array.from(shown, (point) => itemOf(points, point)));
    }, REST_MS);
    return () => clearTimeout(timer);
  }, [order, points, first, end]);

  return (
    <div
      ref={viewport}
      className="map-list"
      role="listbox"
      tabIndex={0}
      aria-label="Sounds of the map"
      aria-activedescendant={row >= first && row < end ? `map-row-${row}` : undefined}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
    >
      <div role="presentation" className="map-rows" style={{ height: order.length * ROW }}>
        {Array.from(order.subarray(first, end), (point, step) => (
          <Row key={itemOf(points, point)} state={state} point={point} place={first + step} />
        ))}
      </div>
    </div>
  );
}

function Row({ state, point, place }: { state: MapState; point: number; place: number }) {
  const { order, points, map, row, goToRow } = state;
  const id = itemOf(points, point);
  const item = pointItems.get(id);
  const name = item ? baseName(item.name) : item === null ? "No longer here" : "";
  return (
    <div
      id={`map-row-${place}`}
      role="option"
      aria-selected={place === row}
      aria-posinset={place + 1}
      aria-setsize={order.length}
      className={place === row ? "map-row current" : "map-row"}
      style={{ transform: `translateY(${place * ROW}px)` }}
      onClick={() => goToRow(place)}
    >
      <span className={name === "" ? "skeleton" : "ellipsis"}>{name}</span>
      <SmallWave item={id} />
      <span className="num ellipsis">
        {className(map.classes?.[points.kind[point] ?? 0] ?? "")}
      </span>
      {item?.audio && <span className="sr-only">{lengthWords(item.audio.duration)}</span>}
    </div>
  );
}
