/** Saved searches in the facet column, each with how many new sounds it found. */

import { useQuery } from "@tanstack/react-query";
import { useStore } from "../data/store";
import { Icon } from "../parts/icon";
import { FacetGroup } from "./facet-parts";
import { formatFilters } from "./filters";
import { NameField } from "./name-field";
import { filtersOfQuery } from "./saved-query";
import {
  deleteSearch,
  markSeen,
  namedSearch,
  renameSearch,
  savedSearchesQuery,
  type SavedSearch,
} from "./saved-searches-data";
import { countText } from "./texts";
import type { Crate } from "./use-crate";

export function SavedSearchesFacet({ crate }: { crate: Crate }) {
  const searches = useQuery(savedSearchesQuery);
  if (!searches.data || searches.data.length === 0) return null;
  return (
    <FacetGroup title="Saved searches">
      {searches.data.map((search) => (
        <SearchRow key={search.id} crate={crate} search={search} />
      ))}
    </FacetGroup>
  );
}

function SearchRow({ crate, search }: { crate: Crate; search: SavedSearch }) {
  const isNamed = useStore(namedSearch) === search.id;
  const filters = filtersOfQuery(search.q);
  const isOpen = formatFilters(filters).toString() === formatFilters(crate.filters).toString();
  if (isNamed) {
    return (
      <NameField
        label={`Name of ${search.name}`}
        value={search.name}
        onName={(name) => {
          namedSearch.set(null);
          if (name !== search.name) void renameSearch(search, name);
        }}
        onCancel={() => namedSearch.set(null)}
      />
    );
  }
  return (
    <div className="collection">
      <button
        type="button"
        aria-pressed={isOpen}
        className={isOpen ? "facet-row plain on" : "facet-row plain"}
        onClick={() => {
          crate.setFilters(filters);
          void markSeen(search);
        }}
      >
        <span className="ellipsis">{search.name}</span>
        <span className="facet-count">
          {search.new > 0 ? (
            <span className="facet-new">{countText(search.new)} new</span>
          ) : (
            search.total != null && countText(search.total)
          )}
        </span>
      </button>
      {isOpen && (
        <>
          <button
            type="button"
            className="icon-btn small"
            aria-label={`Rename ${search.name}`}
            title="Rename"
            onClick={() => namedSearch.set(search.id)}
          >
            <Icon name="dots" />
          </button>
          <button
            type="button"
            className="icon-btn small"
            aria-label={`Delete ${search.name}`}
            title="Delete"
            onClick={() => void deleteSearch(search)}
          >
            <Icon name="close" />
          </button>
        </>
      )}
    </div>
  );
}
