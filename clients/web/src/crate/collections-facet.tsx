/** Collections in the facet column: each is a filter, and takes sounds that are dropped on it. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useKeys } from "../keys/commands";
import { Icon } from "../parts/icon";
import { exportCollection } from "../export/open";
import { collect, collectionsQuery, createCollection, renameCollection } from "./collections-data";
import { useDropTarget } from "./drop-target";
import { FacetGroup } from "./facet-parts";
import { NameField } from "./name-field";
import { RecommendedDialog } from "./recommended-dialog";
import { SharingDialog } from "./sharing-dialog";
import { countText } from "./texts";
import type { Collection, SearchHit } from "./types";
import type { Crate } from "./use-crate";

export function CollectionsFacet({
  crate,
  favourites,
}: {
  crate: Crate;
  favourites: number | undefined;
}) {
  const { filters, setFilters } = crate;
  const collections = useQuery(collectionsQuery);
  const [isNaming, setIsNaming] = useState(false);
  const [isRecommending, setIsRecommending] = useState(false);
  const opened = collections.data?.find((each) => each.id === filters.collection) ?? null;
  useKeys({ "crate-recommend": () => setIsRecommending(true) });
  const create = async (name: string, hits: readonly SearchHit[]): Promise<void> => {
    setIsNaming(false);
    const made = await createCollection(name);
    if (made && hits.length > 0) await collect(made, hits);
  };
  return (
    <FacetGroup title="Collections">
      <CollectionRow
        label="Favourites"
        count={favourites}
        isOpen={filters.favourites}
        onOpen={() => setFilters({ favourites: !filters.favourites })}
      />
      {(collections.data ?? []).map((collection) => (
        <OwnCollection key={collection.id} crate={crate} collection={collection} />
      ))}
      {isNaming ? (
        <NameField
          label="Name of the new collection"
          value=""
          onName={(name) => void create(name, [])}
          onCancel={() => setIsNaming(false)}
        />
      ) : (
        <button type="button" className="facet-more" onClick={() => setIsNaming(true)}>
          New collection
        </button>
      )}
      <div>
        <button type="button" className="facet-more" onClick={() => setIsRecommending(true)}>
          {opened === null ? "Recommended for you" : `What fits ${opened.name}`}
        </button>
      </div>
      {isRecommending && (
        <RecommendedDialog collection={opened} onClose={() => setIsRecommending(false)} />
      )}
    </FacetGroup>
  );
}

function OwnCollection({ crate, collection }: { crate: Crate; collection: Collection }) {
  const { filters, setFilters } = crate;
  const [isNaming, setIsNaming] = useState(false);
  const [isSharing, setIsSharing] = useState(false);
  const isOpen = filters.collection === collection.id;
  if (isNaming) {
    return (
      <NameField
        label={`Name of ${collection.name}`}
        value={collection.name}
        onName={(name) => {
          setIsNaming(false);
          if (name !== collection.name) void renameCollection(collection, name);
        }}
        onCancel={() => setIsNaming(false)}
      />
    );
  }
  return (
    <>
      <CollectionRow
        label={collection.name}
        count={collection.items}
        isOpen={isOpen}
        onOpen={() => setFilters({ collection: isOpen ? null : collection.id })}
        onRename={() => setIsNaming(true)}
        onExport={() => exportCollection(collection)}
        onShare={() => setIsSharing(true)}
        onSounds={(hits) => void collect(collection, hits)}
      />
      {isSharing && <SharingDialog collection={collection} onClose={() => setIsSharing(false)} />}
    </>
  );
}

function CollectionRow({
  label,
  count,
  isOpen,
  onOpen,
  onRename,
  onExport,
  onShare,
  onSounds,
}: {
  label: string;
  count: number | undefined;
  isOpen: boolean;
  onOpen: () => void;
  onRename?: () => void;
  onExport?: () => void;
  onShare?: () => void;
  onSounds?: (hits: SearchHit[]) => void;
}) {
  const target = useDropTarget((hits) => onSounds?.(hits));
  return (
    <div className={`collection${target.isOver && onSounds ? " over" : ""}`}>
      <button
        type="button"
        aria-pressed={isOpen}
        className={isOpen ? "facet-row plain on" : "facet-row plain"}
        onClick={onOpen}
        {...(onSounds && target.handlers)}
      >
        <span className="ellipsis">{label}</span>
        <span className="facet-count">{count === undefined ? "" : countText(count)}</span>
      </button>
      {isOpen && onShare && (
        <button
          type="button"
          className="icon-btn small"
          aria-label={`Share ${label}`}
          title="Share"
          onClick={onShare}
        >
          <Icon name="link" />
        </button>
      )}
      {isOpen && onExport && (
        <button
          type="button"
          className="icon-btn small"
          aria-label={`Export ${label}`}
          title="Export"
          onClick={onExport}
        >
          <Icon name="download" />
        </button>
      )}
      {isOpen && onRename && (
        <button
          type="button"
          className="icon-btn small"
          aria-label={`Rename ${label}`}
          title="Rename"
          onClick={onRename}
        >
          <Icon name="dots" />
        </button>
      )}
    </div>
  );
}
