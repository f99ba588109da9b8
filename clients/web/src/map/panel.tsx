/** The pane beside a map: what is chosen, the list, and the map itself. */

import { useQuery } from "@tanstack/react-query";
import type { Ref } from "react";
import { collectionsQuery } from "../crate/collections-data";
import { countText } from "../crate/texts";
import { navigate } from "../address";
import { useTooltip } from "../keys/commands";
import { plural } from "../parts/format";
import { forgetMap, layOut, mapsQuery, type SoundMap } from "./data";
import { classShares } from "./families";
import { SoundList, type ListHandle } from "./list";
import { copyName, nameOf } from "./names";
import type { MapState } from "./use-map";

export function MapPanel({
  state,
  list,
  onCollect,
  onTray,
}: {
  state: MapState;
  list: Ref<ListHandle>;
  onCollect: () => void;
  onTray: () => void;
}) {
  const { lasso, order, map, points } = state;
  const collectTip = useTooltip("map-collect");
  const chooseTip = useTooltip("map-choose-view");
  const shares = classShares(map.classes ?? [], points.kind, order);
  return (
    <>
      <section className="map-head">
        <div className="row">
          <h2 className="grow" aria-live="polite">
            {lasso ? plural(order.length, "sound") : `${countText(order.length)} in view`}
          </h2>
          {lasso && (
            <button type="button" className="btn small quiet" onClick={() => state.setLasso(null)}>
              Clear <span className="kbd not-phone">Esc</span>
            </button>
          )}
        </div>
        <p className="t12 fg2 map-shares">{order.length > 0 ? shares : "Nothing is here."}</p>
        <div className="row map-acts">
          {lasso || !state.scene?.hasWebGL ? (
            <button
              type="button"
              className="btn primary grow"
              title={collectTip}
              disabled={order.length === 0}
              onClick={onCollect}
            >
              Make collection
            </button>
          ) : (
            <button
              type="button"
              className="btn grow"
              title={chooseTip}
              disabled={order.length === 0}
              onClick={() => chooseView(state)}
            >
              Choose all in view
            </button>
          )}
          <button type="button" className="btn" disabled={order.length === 0} onClick={onTray}>
            To tray
          </button>
        </div>
      </section>
      <section className="map-sounds" aria-label="List">
        <h3>
          Nearest to the middle first <span className="kbd not-phone">↓ plays</span>
        </h3>
        <SoundList state={state} handle={list} />
      </section>
      <MapFacts map={map} />
    </>
  );
}

/** Choose all that is in view: a lasso around the canvas. */
export function chooseView({ scene, setLasso, view }: MapState): void {
  if (!scene) return;
  const { width, height } = scene.size;
  const units = view.zoom * Math.max(1, Math.min(width, height)) * 0.94;
  const [x, y] = [width / units / 2, height / units / 2];
  setLasso([
    [view.x - x, view.y - y],
    [view.x + x, view.y - y],
    [view.x + x, view.y + y],
    [view.x - x, view.y + y],
  ]);
}

function MapFacts({ map }: { map: SoundMap }) {
  const maps = useQuery(mapsQuery);
  const collections = useQuery(collectionsQuery);
  const taken = (maps.data ?? []).map(({ name }) => name);
  const collection = collections.data?.find(({ id }) => id === map.collection);
  const open = (name: string, isThere: boolean): void => {
    if (isThere) navigate(`/map/${encodeURIComponent(name)}`);
  };
  const copy = (): void => {
    const name = copyName(map.name, taken);
    const layout = { collection: map.collection ?? null, seed: (map.seed + 1) % 2 ** 31 };
    void layOut(name, layout).then((isThere) => open(name, isThere));
  };
  const laidOut = map.computed_at ? new Date(map.computed_at) : null;
  return (
    <section className="map-facts">
      <h3>Map</h3>
      <p className="t12 fg1">
        {collection ? `Of ${collection.name}. ` : ""}
        {laidOut &&
          `Laid out on ${laidOut.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}. `}
        New sounds are placed without moving old ones.
      </p>
      <div className="row map-acts">
        <button type="button" className="btn small" onClick={copy}>
          Lay out again as a copy
        </button>
        {taken.length > 1 && (
          <button
            type="button"
            className="btn small quiet"
            onClick={() => void forgetMap(map).then(() => navigate("/map"))}
          >
            Forget
          </button>
        )}
      </div>
      {(collections.data ?? []).length > 0 && (
        <select
          className="select map-of"
          aria-label="Lay out a map of a collection"
          value=""
          onChange={(event) => {
            const chosen = collections.data?.find(({ id }) => id === event.target.value);
            if (!chosen) return;
            const name = nameOf(chosen.name, taken);
            void layOut(name, { collection: chosen.id }).then((isThere) => open(name, isThere));
          }}
        >
          <option value="">Map a collection</option>
          {(collections.data ?? []).map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      )}
    </section>
  );
}
