/** The Crate's filters as parameters of `GET /v1/search`. */

import { formatKey, formatLimits, type Filters } from "./filters";
import type { SearchHit } from "./types";

type Kind = SearchHit["item"]["kind"];

/** Kinds of items that the Crate holds; songs have a place of their own. */
export const KINDS: readonly Kind[] = ["sample", "stem", "recording"];

export interface SearchParameters {
  q?: string;
  kind?: Kind[];
  sound_class?: string[];
  not_sound_class?: string[];
  tag?: string[];
  key?: string[];
  bpm?: string;
  bpm_fold?: boolean;
  duration?: string;
  favourite?: boolean;
  in_doubt?: boolean;
  min_rating?: number;
  source?: string[];
  like?: string;
  collection?: string[];
  sort?: string;
}

/** Return the parameters of the search that filters ask for. */
export function searchParameters(filters: Filters): SearchParameters {
  const key = formatKey(filters.key);
  const bpm = formatLimits(filters.tempo);
  const duration = formatLimits(filters.length);
  const isLoops = filters.shape === "loops";
  const classes = isLoops ? ["loop"] : filters.classes;
  return {
    ...(filters.query.trim() && { q: filters.query.trim() }),
    kind: filters.shape === "all" ? [...KINDS] : ["sample"],
    ...(classes.length > 0 && { sound_class: [...classes] }),
    ...(filters.shape === "one-shots" && { not_sound_class: ["loop"] }),
    ...(filters.tags.length > 0 && { tag: [...filters.tags] }),
    ...(key !== null && { key: [key] }),
    ...(bpm !== null && { bpm }),
    ...(bpm !== null && filters.fold && { bpm_fold: true }),
    ...(duration !== null && { duration }),
    ...(filters.favourites && { favourite: true }),
    ...(filters.doubtful && { in_doubt: true }),
    ...(filters.minRating !== null && { min_rating: filters.minRating }),
    ...(filters.source !== null && { source: [filters.source] }),
    ...(filters.like !== null && { like: filters.like }),
    ...(filters.collection !== null && { collection: [filters.collection] }),
    ...(filters.sort !== null && { sort: filters.sort }),
  };
}

/** Write the parameters as the query of an address; a list is one parameter for each value. */
export function serialize(parameters: object): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null) query.append(name, String(one));
    }
  }
  return query.toString();
}
