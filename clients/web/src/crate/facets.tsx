/** The facet column: which sounds the list holds, with how many each choice would give. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import { Segmented } from "../parts/segmented";
import { readFacets } from "./client";
import { CollectionsFacet } from "./collections-facet";
import { CheckRow, Choices, FacetGroup, toggled } from "./facet-parts";
import { formatFilters, type Filters, type Limits } from "./filters";
import { KeyFacet } from "./key-facet";
import { RangeFacet } from "./range-facet";
import type { RangeScale } from "./range-scale";
import { SavedSearchesFacet } from "./saved-searches-facet";
import { CLASSES, className, limitsText } from "./texts";
import type { Facets as Counts } from "./types";
import type { Crate } from "./use-crate";
import { editSounds } from "./editing";
import { teachAddress } from "../teach/address";

const TEMPO: RangeScale = { min: 40, max: 220, logarithmic: false, decimals: 0, unit: "BPM" };
const LENGTH: RangeScale = { min: 0.02, max: 60, logarithmic: true, decimals: 2, unit: "s" };
const CLASSES_SHOWN = 9;
const TAGS_SHOWN = 6;

/** Read the counts of the facets of filters. */
function useFacets(filters: Filters) {
  return useQuery({
    queryKey: ["crate", "facets", formatFilters({ ...filters, sort: null }).toString()],
    queryFn: ({ signal }) => readFacets({ ...filters, sort: null }, signal),
    placeholderData: keepPreviousData,
  });
}

export function Facets({ crate }: { crate: Crate }) {
  const { filters, setFilters } = crate;
  const facets = useFacets(crate.searched);
  const counts = facets.data?.facets;
  const histograms = facets.data?.histograms;
  return (
    <>
      {facets.isError && (
        <p className="facet-error" role="status">
          Counts are not there just now.
        </p>
      )}
      <section className="facet" aria-label="Length of sounds">
        <Segmented
          label="One-shots or loops"
          value={filters.shape}
          options={[
            { value: "all", label: "All" },
            { value: "one-shots", label: "One-shots" },
            { value: "loops", label: "Loops" },
          ]}
          onChange={(shape) => setFilters({ shape })}
        />
      </section>
      <CollectionsFacet crate={crate} favourites={counts?.favourites} />
      <SavedSearchesFacet crate={crate} />
      {filters.shape !== "loops" && <ClassFacet crate={crate} counts={counts} />}
      <KeyFacet
        chosen={filters.key}
        counts={counts && new Map((counts.keys ?? []).map((key) => [key.value, key.count]))}
        onChange={(key) => setFilters({ key })}
      />
      <FacetGroup title="Tempo" note={rangeNote(filters.tempo, "BPM")}>
        <RangeFacet
          label="Tempo"
          scale={TEMPO}
          limits={filters.tempo}
          counts={histograms?.["bpm"]}
          onChange={(tempo) => setFilters({ tempo, ...(tempo === null && { fold: false }) })}
        />
        <CheckRow
          label="Half and double time"
          checked={filters.fold}
          onToggle={() => setFilters({ fold: !filters.fold })}
        />
      </FacetGroup>
      <TagFacet crate={crate} counts={counts} />
      <FacetGroup title="Length" note={rangeNote(filters.length, "s")}>
        <RangeFacet
          label="Length"
          scale={LENGTH}
          limits={filters.length}
          counts={histograms?.["duration"]}
          onChange={(length) => setFilters({ length })}
        />
      </FacetGroup>
      <FacetGroup title="Judgement">
        {[5, 4, 3].map((stars) => (
          <CheckRow
            key={stars}
            label={stars === 5 ? "Rated 5" : `Rated ${stars} or more`}
            count={counts && atLeast(counts, stars)}
            checked={filters.minRating === stars}
            onToggle={() => setFilters({ minRating: filters.minRating === stars ? null : stars })}
          />
        ))}
        <CheckRow
          label="Class in doubt"
          count={counts?.in_doubt}
          checked={filters.doubtful}
          onToggle={() => setFilters({ doubtful: !filters.doubtful })}
        />
      </FacetGroup>
    </>
  );
}

function ClassFacet({ crate, counts }: { crate: Crate; counts: Counts | undefined }) {
  const { classes } = crate.filters;
  const found = new Map((counts?.classes ?? []).map((entry) => [entry.value, entry.count]));
  const listed = CLASSES.filter((name) => found.has(name) || classes.includes(name))
    .map((name) => ({
      value: name as string,
      label: className(name),
      count: counts && (found.get(name) ?? 0),
    }))
    .sort((a, b) => (b.count ?? 0) - (a.count ?? 0));
  if (listed.length === 0) return null;
  const note = classes.length > 0 ? `${classes.length} of ${listed.length}` : undefined;
  return (
    <FacetGroup title="Class" note={note}>
      <Choices
        choices={listed}
        chosen={classes}
        shown={CLASSES_SHOWN}
        more="classes"
        onToggle={(value) => crate.setFilters({ classes: toggled(classes, value) })}
      />
    </FacetGroup>
  );
}

function TagFacet({ crate, counts }: { crate: Crate; counts: Counts | undefined }) {
  const { tags } = crate.filters;
  const found = counts?.tags ?? [];
  const names = [...new Set([...tags, ...found.map((entry) => entry.value)])];
  const countOf = new Map(found.map((entry) => [entry.value, entry.count]));
  if (names.length === 0) return null;
  return (
    <FacetGroup title="Tags">
      <Choices
        choices={names.map((name) => ({
          value: name,
          label: name,
          count: counts && (countOf.get(name) ?? 0),
        }))}
        chosen={tags}
        shown={TAGS_SHOWN}
        more="tags"
        actionOf={(tag) => (
          <Link
            className="icon-btn small"
            href={teachAddress(tag)}
            aria-label={`Teach ${tag}`}
            title="Teach"
          >
            <Icon name="wand" />
          </Link>
        )}
        onToggle={(value) => crate.setFilters({ tags: toggled(tags, value) })}
        onSounds={(tag, hits) => {
          const edit = { hits, change: { addTags: [tag] }, label: `Tag ${tag} added` };
          void editSounds(edit, (items, change) => crate.pages.patch(items, change));
        }}
      />
    </FacetGroup>
  );
}

function atLeast(counts: Counts, stars: number): number {
  return (counts.ratings ?? [])
    .filter((entry) => Number(entry.value) >= stars)
    .reduce((sum, entry) => sum + entry.count, 0);
}

function rangeNote(limits: Limits | null, unit: string): string {
  return limits === null ? "any" : limitsText(limits, unit);
}
