/** The state of the Crate as its address holds it: filters, order, current row and selection. */

import { formatRanges, parseRanges, type RowRanges } from "./selection";

export type Shape = "all" | "one-shots" | "loops";
export type KeyMatch = "exact" | "compatible";

/** A range of a measured value; an end that is null is open. */
export interface Limits {
  readonly min: number | null;
  readonly max: number | null;
}

export interface KeyChoice {
  /** Such as `Am` or `F#m`. */
  readonly name: string;
  readonly match: KeyMatch;
}

/** What decides which sounds the list holds, and in which order. */
export interface Filters {
  /** Text in the query language. */
  readonly query: string;
  readonly shape: Shape;
  readonly classes: readonly string[];
  readonly key: KeyChoice | null;
  /** Beats per minute. */
  readonly tempo: Limits | null;
  /** Whether half and double the tempo match too. */
  readonly fold: boolean;
  /** Seconds. */
  readonly length: Limits | null;
  readonly tags: readonly string[];
  readonly favourites: boolean;
  readonly doubtful: boolean;
  /** 1 to 5. */
  readonly minRating: number | null;
  /** The song that sounds were cut from. */
  readonly source: string | null;
  /** The sound that all are ordered by likeness to. */
  readonly like: string | null;
  /** A collection whose items are listed. */
  readonly collection: string | null;
  /** As the API takes it: `-created`, `name`, …; null for the default order. */
  readonly sort: string | null;
}

export interface CrateAddress extends Filters {
  /** The current item. */
  readonly at: string | null;
  /** Its position, from 0. */
  readonly row: number;
  readonly selected: RowRanges;
}

export const NO_FILTERS: Filters = {
  query: "",
  shape: "all",
  classes: [],
  key: null,
  tempo: null,
  fold: false,
  length: null,
  tags: [],
  favourites: false,
  doubtful: false,
  minRating: null,
  source: null,
  like: null,
  collection: null,
  sort: null,
};

const SORTS = /^-?(created|name|bpm|duration)$/;

/** Read the state from an address. What cannot be read is left at its default. */
export function parseAddress(params: URLSearchParams): CrateAddress {
  const shape = params.get("shape");
  const sort = params.get("sort");
  const rating = Number(params.get("rating"));
  return {
    query: params.get("q") ?? "",
    shape: shape === "one-shots" || shape === "loops" ? shape : "all",
    classes: list(params.get("class")),
    key: parseKey(params.get("key")),
    tempo: parseLimits(params.get("bpm")),
    fold: params.get("fold") === "1",
    length: parseLimits(params.get("len")),
    tags: list(params.get("tag")),
    favourites: params.get("favourite") === "1",
    doubtful: params.get("doubt") === "1",
    minRating: Number.isInteger(rating) && rating >= 1 && rating <= 5 ? rating : null,
    source: params.get("src"),
    like: params.get("like"),
    collection: params.get("in"),
    sort: sort !== null && SORTS.test(sort) ? sort : null,
    at: params.get("at"),
    row: Math.max(0, Math.floor(Number(params.get("row"))) || 0),
    selected: parseRanges(params.get("sel") ?? ""),
  };
}

/** Write the state as the address's parameters; defaults are left out. */
export function formatAddress(address: CrateAddress): URLSearchParams {
  const params = formatFilters(address);
  if (address.at !== null) {
    params.set("at", address.at);
    if (address.row > 0) params.set("row", String(address.row));
  }
  if (address.selected.length > 0) params.set("sel", formatRanges(address.selected));
  return params;
}

/** Write the filters alone: two addresses with equal text list the same sounds. */
export function formatFilters(filters: Filters): URLSearchParams {
  const params = new URLSearchParams();
  const set = (name: string, value: string | null): void => {
    if (value) params.set(name, value);
  };
  set("in", filters.collection);
  set("q", filters.query);
  set("shape", filters.shape === "all" ? null : filters.shape);
  set("class", filters.classes.join(","));
  set("key", formatKey(filters.key));
  set("bpm", formatLimits(filters.tempo));
  set("fold", filters.fold ? "1" : null);
  set("len", formatLimits(filters.length));
  set("tag", filters.tags.join(","));
  set("favourite", filters.favourites ? "1" : null);
  set("doubt", filters.doubtful ? "1" : null);
  set("rating", filters.minRating === null ? null : String(filters.minRating));
  set("src", filters.source);
  set("like", filters.like);
  set("sort", filters.sort);
  return params;
}

/** Return whether any filter besides the collection narrows the list. */
export function isFiltered(filters: Filters): boolean {
  return formatFilters({ ...filters, collection: null, sort: null }).size > 0;
}

/** Write a range as the API reads it: `118..128`, `>=118` or `<=128`. */
export function formatLimits(limits: Limits | null): string | null {
  if (limits === null) return null;
  const { min, max } = limits;
  if (min !== null && max !== null) return `${min}..${max}`;
  if (min !== null) return `>=${min}`;
  return max === null ? null : `<=${max}`;
}

/** Write a key filter as the API reads it: `Am`, or `Am~` with compatible keys. */
export function formatKey(key: KeyChoice | null): string | null {
  if (key === null) return null;
  return key.match === "compatible" ? `${key.name}~` : key.name;
}

function parseKey(text: string | null): KeyChoice | null {
  const read = /^([A-G][#b]?m?)(~?)$/.exec(text ?? "");
  if (!read?.[1]) return null;
  return { name: read[1], match: read[2] ? "compatible" : "exact" };
}

function parseLimits(text: string | null): Limits | null {
  const number = String.raw`(\d+(?:\.\d+)?)`;
  const between = new RegExp(`^${number}(?:\\.\\.|-)${number}$`).exec(text ?? "");
  if (between) {
    const [low, high] = [Number(between[1]), Number(between[2])];
    return { min: Math.min(low, high), max: Math.max(low, high) };
  }
  const bound = new RegExp(`^(>=|<=)${number}$`).exec(text ?? "");
  if (!bound) return null;
  const value = Number(bound[2]);
  return bound[1] === ">=" ? { min: value, max: null } : { min: null, max: value };
}

function list(text: string | null): string[] {
  return [...new Set((text ?? "").split(",").filter(Boolean))];
}
