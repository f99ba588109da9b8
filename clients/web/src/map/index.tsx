/** Map: the sounds as a picture in which near means alike, and the exact list beside it. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState, type ReactNode } from "react";
import { navigate } from "../address";
import { player } from "../audio/player";
import { collectItems, collectionsQuery, createCollection } from "../crate/collections-data";
import "../crate/crate.css";
import { PickDialog } from "../crate/pick-dialog";
import { addToTray } from "../crate/tray-data";
import { useSwapKeys } from "../crate/swap";
import { problemText } from "../data/problems";
import { plural } from "../parts/format";
import { MapCanvas } from "./canvas";
import { EVERYTHING, layOut, mapsQuery, pointItems, pointsQuery, type SoundMap } from "./data";
import type { ListHandle } from "./list";
import "./map.css";
import { MapPanel } from "./panel";
import { itemOf, type MapPoints } from "./points";
import { MapChoice, MapLegend, MapTools } from "./tools";
import { useMap } from "./use-map";
import { useMapKeys } from "./use-map-keys";

/** Sounds that fit into the tray. */
const TRAY = 16;

export function MapPlace({ name }: { name: string | null }) {
  const maps = useQuery(mapsQuery);
  const first = maps.data?.find((map) => map.name === EVERYTHING) ?? maps.data?.[0];
  const isNone = name === null && maps.data !== undefined && first === undefined;
  const isAsked = useRef(false);
  useEffect(() => {
    if (name !== null || maps.data === undefined) return;
    if (first) navigate(`/map/${encodeURIComponent(first.name)}`, { replace: true });
    else if (!isAsked.current) {
      isAsked.current = true;
      void layOut(EVERYTHING, { collection: null });
    }
  }, [name, maps.data, first]);
  if (name !== null) return <NamedMap key={name} name={name} />;
  if (maps.isError) return <Message name={EVERYTHING} text={problemText(maps.error)} />;
  return (
    <Message
      name={EVERYTHING}
      text={isNone ? "Your sounds are laid out for the first time." : ""}
    />
  );
}

function NamedMap({ name }: { name: string }) {
  const maps = useQuery(mapsQuery);
  if (maps.isPending) return <Message name={name} text="" />;
  if (maps.isError) return <Message name={name} text={problemText(maps.error)} />;
  const map = maps.data.find((each) => each.name === name);
  if (!map) {
    return (
      <Message name={name} text={`No map is called “${name}”.`}>
        <button
          type="button"
          className="btn primary"
          onClick={() => void layOut(name, { collection: null })}
        >
          Lay out all sounds
        </button>
      </Message>
    );
  }
  if (map.computed_at == null) return <Unready map={map} />;
  return <WithPoints map={map} />;
}

/** A map that has no points yet. */
function Unready({ map }: { map: SoundMap }) {
  const again = (): void => {
    void layOut(map.name, { collection: map.collection ?? null, seed: map.seed }, true);
  };
  if (map.state === "failed") {
    return (
      <Message name={map.name} text={map.reason ?? "The map could not be laid out."}>
        <button type="button" className="btn primary" onClick={again}>
          Lay out again
        </button>
      </Message>
    );
  }
  const text =
    map.state === "waiting"
      ? "This map waits to be laid out. It appears here by itself."
      : "This map is being laid out. It appears here by itself.";
  return <Message name={map.name} text={map.reason ?? text} />;
}

function WithPoints({ map }: { map: SoundMap }) {
  const points = useQuery({ ...pointsQuery(map), placeholderData: (before) => before });
  if (points.isError) return <Message name={map.name} text={problemText(points.error)} />;
  if (!points.data) return <Message name={map.name} text="" />;
  if (points.data.count === 0) {
    return <Message name={map.name} text="No sound of this map has been listened to yet." />;
  }
  return <OpenMap map={map} points={points.data} />;
}

function OpenMap({ map, points }: { map: SoundMap; points: MapPoints }) {
  const state = useMap(map, points);
  const [hasNoWebGL, setHasNoWebGL] = useState(false);
  const [isCollecting, setIsCollecting] = useState(false);
  const [isListOpen, setIsListOpen] = useState(false);
  const list = useRef<ListHandle>(null);
  const { lasso, order, row, current } = state;
  const toTray = (): void => {
    const chosen = lasso || current < 0 ? Array.from(order.subarray(0, TRAY)) : [current];
    const reading = chosen.map((point) => pointItems.one(itemOf(points, point)));
    void Promise.all(reading).then((items) => addToTray(items.filter((item) => item !== null)));
  };
  useMapKeys(state, {
    rowsInView: () => list.current?.rowsInView() ?? 10,
    onCollect: () => {
      if (lasso && order.length > 0) setIsCollecting(true);
    },
    onTray: toTray,
  });
  useSwapKeys();
  useNeighbours(state.goToRow, row, order.length);
  const names = ["map", hasNoWebGL && "no-picture", isListOpen && "list-open"];
  return (
    <main className={names.filter(Boolean).join(" ")}>
      <h1 className="sr-only">Map</h1>
      <div className="map-picture" role="group" aria-label="Picture">
        <MapCanvas state={state} onNoWebGL={() => setHasNoWebGL(true)} />
        <MapTools state={state} />
        {!hasNoWebGL && <MapChoice name={map.name} count={points.count} />}
        <MapLegend state={state} />
        <p className="map-float map-note">
          {map.state === "ready"
            ? "Near means alike, roughly. The list is exact."
            : "A new layout is being computed; this is the one before."}
        </p>
      </div>
      <aside className="inspector map-pane" aria-label="Sounds">
        <button
          type="button"
          className="map-handle phone-only"
          aria-expanded={isListOpen}
          onClick={() => setIsListOpen(!isListOpen)}
        >
          {isListOpen ? "Smaller list" : "Larger list"}
        </button>
        {hasNoWebGL && (
          <>
            <MapChoice name={map.name} count={points.count} />
            <p className="t12 fg1 map-none">
              This browser draws no map: WebGL is off. The list holds the same sounds.
            </p>
          </>
        )}
        <MapPanel
          state={state}
          list={list}
          onCollect={() => setIsCollecting(true)}
          onTray={toTray}
        />
      </aside>
      {isCollecting && (
        <CollectDialog
          items={Array.from(order, (point) => itemOf(points, point))}
          onClose={() => setIsCollecting(false)}
        />
      )}
    </main>
  );
}

/** Let the transport's buttons move through the list. */
function useNeighbours(goToRow: (row: number) => void, row: number, total: number): void {
  useEffect(() => {
    player.neighbours.set({
      ...(row > 0 && { previous: () => goToRow(row - 1) }),
      ...(row < total - 1 && { next: () => goToRow(row + 1) }),
    });
    return () => player.neighbours.set({});
  }, [row, total, goToRow]);
}

function CollectDialog({ items, onClose }: { items: string[]; onClose: () => void }) {
  const collections = useQuery(collectionsQuery);
  return (
    <PickDialog
      label={`Add ${plural(items.length, "sound")} to a collection`}
      picks={(collections.data ?? []).map((one) => ({
        id: one.id,
        label: one.name,
        detail: String(one.items),
      }))}
      create="New collection"
      onPick={(id) => {
        const chosen = collections.data?.find((one) => one.id === id);
        if (chosen) void collectItems(chosen, items);
      }}
      onCreate={(name) => {
        void createCollection(name).then((made) => (made ? collectItems(made, items) : undefined));
      }}
      onClose={onClose}
    />
  );
}

/** What stands in place of the picture. */
function Message({ name, text, children }: { name: string; text: string; children?: ReactNode }) {
  return (
    <main className="map no-list" aria-busy={text === ""}>
      <h1 className="sr-only">Map</h1>
      <div className="map-picture">
        <MapChoice name={name} count={null} />
        <div className="map-message" role="status">
          {text !== "" && <p className="fg1">{text}</p>}
          {children}
        </div>
      </div>
    </main>
  );
}
