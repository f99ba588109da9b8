/** The Crate: every sound, its filters, its list and its inspector. */

import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useAddress } from "../address";
import { player } from "../audio/player";
import { queries } from "../data/cache";
import { Icon } from "../parts/icon";
import { collect, collectionsQuery, createCollection } from "./collections-data";
import "./crate.css";
import { Empty } from "./empty";
import { Facets } from "./facets";
import { filterChips } from "./filter-chips";
import { NO_FILTERS } from "./filters";
import { Grid, useMedia, type GridHandle } from "./grid";
import { Inspector } from "./inspector";
import { LikeFile } from "./like-file";
import { useLikeName } from "./like-name";
import { ListBar } from "./list-bar";
import { PickDialog } from "./pick-dialog";
import { useSwapKeys } from "./swap";
import { tagsQuery } from "./tags-data";
import { TeachDialog } from "./teach-dialog";
import { addToTray } from "./tray-data";
import { useCrate, type Crate as CrateState } from "./use-crate";
import { useCrateKeys } from "./use-crate-keys";
import { useNews } from "./use-news";
import { useSongName } from "./use-song-name";

const INSPECTOR = "cratedig.inspector-folded";

type Overlay = "none" | "tag" | "collect" | "teach" | "filters" | "inspector";

export function Crate() {
  const crate = useCrate();
  const grid = useRef<GridHandle>(null);
  const isPhone = useMedia("(max-width: 640px)");
  const [overlay, setOverlay] = useState<Overlay>("none");
  const [isFolded, setIsFolded] = useState(() => localStorage.getItem(INSPECTOR) === "1");
  const chips = useChips(crate);
  const toTray = (): void => {
    void crate.targets().then((hits) => addToTray(hits.map((hit) => hit.item)));
  };
  useCrateKeys(crate, {
    rowsInView: () => grid.current?.rowsInView() ?? 10,
    onTray: toTray,
    onTag: () => setOverlay("tag"),
    onCollect: () => setOverlay("collect"),
    onTeach: () => setOverlay("teach"),
    onInspector: () => {
      localStorage.setItem(INSPECTOR, isFolded ? "0" : "1");
      setIsFolded(!isFolded);
    },
    onLike: () => likeCurrent(crate),
    onClose: () => setOverlay("none"),
  });
  useSwapKeys();
  useNeighbours(crate);
  const hasNews = useNews(crate, () => grid.current?.isAtTop() ?? true);
  const isEmpty =
    crate.pages.total === 0 || (crate.pages.total === null && crate.pages.error !== null);
  const inspector = (
    <Inspector
      crate={crate}
      onTray={toTray}
      onTag={() => setOverlay("tag")}
      onCollect={() => setOverlay("collect")}
      onLike={() => likeCurrent(crate)}
    />
  );
  return (
    <main className={isFolded ? "crate folded" : "crate"}>
      <h1 className="sr-only">Crate</h1>
      <LikeFile />
      <aside className={overlay === "filters" ? "facets sheet" : "facets"} aria-label="Filters">
        {overlay === "filters" && (
          <button
            type="button"
            className="btn primary sheet-close"
            onClick={() => setOverlay("none")}
          >
            Show {crate.pages.total?.toLocaleString("en") ?? ""} sounds
          </button>
        )}
        <Facets crate={crate} />
      </aside>
      <section className="crate-list" aria-label="Sounds">
        <ListBar
          crate={crate}
          chips={chips}
          hasNews={hasNews}
          onFilters={() => setOverlay("filters")}
          onTag={() => setOverlay("tag")}
          onCollect={() => setOverlay("collect")}
          onTeach={() => setOverlay("teach")}
        />
        {isEmpty ? (
          <Empty crate={crate} chips={chips} />
        ) : (
          <Grid crate={crate} handle={grid} onOpen={() => isPhone && setOverlay("inspector")} />
        )}
      </section>
      {!isPhone && !isFolded && (
        <aside className="inspector" aria-label="Inspector">
          {inspector}
        </aside>
      )}
      {isPhone && overlay === "inspector" && (
        <aside className="inspector sheet" aria-label="Inspector">
          <button
            type="button"
            className="icon-btn sheet-close"
            aria-label="Close"
            onClick={() => setOverlay("none")}
          >
            <Icon name="down" />
          </button>
          {inspector}
        </aside>
      )}
      {overlay === "tag" && <TagDialog crate={crate} onClose={() => setOverlay("none")} />}
      {overlay === "teach" && <TeachDialog crate={crate} onClose={() => setOverlay("none")} />}
      {overlay === "collect" && <CollectDialog crate={crate} onClose={() => setOverlay("none")} />}
    </main>
  );
}

/** List all sounds by how much they are like the current one. */
function likeCurrent({ hit, setFilters }: CrateState): void {
  if (hit) setFilters({ ...NO_FILTERS, like: hit.item.id });
}

function useChips(crate: CrateState) {
  const collections = useQuery(collectionsQuery);
  const song = useSongName(crate.filters.source);
  const like = useLikeName(crate.filters.like);
  const collection = collections.data?.find((one) => one.id === crate.filters.collection);
  return filterChips(crate.filters, crate.pages.answer?.understood ?? [], {
    collection: collection?.name ?? null,
    song: song || null,
    like,
  });
}

/** Let the transport's buttons move through the list. */
function useNeighbours({ row, pages, moveTo }: CrateState): void {
  const total = pages.total ?? 0;
  useEffect(() => {
    player.neighbours.set({
      ...(row > 0 && { previous: () => moveTo(row - 1, { play: true }) }),
      ...(row < total - 1 && { next: () => moveTo(row + 1, { play: true }) }),
    });
  }, [row, total, moveTo]);
  const { path } = useAddress();
  useEffect(() => () => player.neighbours.set({}), [path]);
}

function TagDialog({ crate, onClose }: { crate: CrateState; onClose: () => void }) {
  const tags = useQuery(tagsQuery);
  const add = (name: string): void => {
    crate.edit({ addTags: [name] }, `Tag ${name} added`);
    void queries.invalidateQueries({ queryKey: tagsQuery.queryKey });
  };
  return (
    <PickDialog
      label={crate.targetCount > 1 ? `Tag ${crate.targetCount} sounds` : "Tag this sound"}
      picks={(tags.data ?? []).map((tag) => ({
        id: tag.name,
        label: tag.name,
        detail: String(tag.items),
      }))}
      create="New tag"
      onPick={add}
      onCreate={add}
      onClose={onClose}
    />
  );
}

function CollectDialog({ crate, onClose }: { crate: CrateState; onClose: () => void }) {
  const collections = useQuery(collectionsQuery);
  const count = crate.targetCount;
  return (
    <PickDialog
      label={count > 1 ? `Add ${count} sounds to a collection` : "Add to a collection"}
      picks={(collections.data ?? []).map((one) => ({
        id: one.id,
        label: one.name,
        detail: String(one.items),
      }))}
      create="New collection"
      onPick={(id) => {
        const chosen = collections.data?.find((one) => one.id === id);
        if (chosen) void crate.targets().then((hits) => collect(chosen, hits));
      }}
      onCreate={(name) => {
        void Promise.all([createCollection(name), crate.targets()]).then(([made, hits]) =>
          made ? collect(made, hits) : undefined,
        );
      }}
      onClose={onClose}
    />
  );
}
