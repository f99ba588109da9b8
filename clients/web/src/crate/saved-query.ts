/** Filters as a text in the query language, and back, for searches that are saved. */

import { formatFilters, formatKey, formatLimits, parseAddress, type Filters } from "./filters";
import { KINDS } from "./search-request";

const PART = /-?[a-z]+:"[^"]*"|"[^"]*"|\S+/giy;
const GROUP = /-?\(/y;
const SPACE = /\s*/y;
const ID = /^[0-9a-f-]{36}$/;
const LOOP = "loop";

/** Return the search that the filters make, in the query language. */
export function queryOfFilters(filters: Filters): string {
  const { shape, tempo, fold } = filters;
  const bpm = formatLimits(tempo);
  const classes = shape === "loops" ? [LOOP] : filters.classes;
  const parts: readonly (string | false | null)[] = [
    filters.query.trim(),
    `kind:${shape === "all" ? KINDS.join(",") : "sample"}`,
    shape === "one-shots" && `-class:${LOOP}`,
    classes.length > 0 && `class:${classes.join(",")}`,
    filters.key && `key:${formatKey(filters.key)}`,
    bpm && `bpm:${bpm}${fold ? "~" : ""}`,
    filters.length && `len:${formatLimits(filters.length)}`,
    ...filters.tags.map((tag) => `tag:"${tag}"`),
    filters.favourites && "is:favourite",
    filters.doubtful && "is:doubtful",
    filters.minRating !== null && `rating:${filters.minRating}`,
    filters.source && `from:${filters.source}`,
    filters.collection && `in:${filters.collection}`,
    filters.like && `like:${filters.like}`,
    filters.sort && `sort:${filters.sort}`,
  ];
  return parts.filter(Boolean).join(" ");
}

/** Return the filters that a search in the query language makes; what has no control stays text. */
export function filtersOfQuery(query: string): Filters {
  const address = new URLSearchParams();
  const text: string[] = [];
  let kind = "";
  let isWithoutLoops = false;
  for (const part of partsOf(query)) {
    const [name = "", value = ""] = splitOnce(part, ":");
    const bare = value.replaceAll('"', "");
    if (name === "kind" && kind === "") kind = bare;
    else if (part === `-class:${LOOP}`) isWithoutLoops = true;
    else if (!set(address, name, bare)) text.push(part);
  }
  const shape = shapeOf(kind, isWithoutLoops, address.get("class"));
  if (shape === "loops") address.delete("class");
  if (shape !== "all") address.set("shape", shape);
  if (shape === "all" && kind !== "" && kind !== KINDS.join(",")) text.push(`kind:${kind}`);
  if (shape !== "one-shots" && isWithoutLoops) text.push(`-class:${LOOP}`);
  if (text.length > 0) address.set("q", text.join(" "));
  return parseAddress(address);
}

/** Return the parts of a text in the query language; a group in parentheses is one part. */
function partsOf(query: string): string[] {
  const parts: string[] = [];
  const matchAt = (pattern: RegExp, at: number): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(query)?.[0] ?? null;
  };
  let at = matchAt(SPACE, 0)?.length ?? 0;
  while (at < query.length) {
    const isGroup = matchAt(GROUP, at) !== null;
    const part = isGroup ? query.slice(at, endOfGroup(query, at)) : (matchAt(PART, at) ?? "");
    parts.push(part);
    at += part.length;
    at += matchAt(SPACE, at)?.length ?? 0;
  }
  return parts;
}

/** Return the position after a group that begins at a position; quotation marks protect. */
function endOfGroup(query: string, start: number): number {
  let opened = 0;
  let isQuoted = false;
  for (let at = start; at < query.length; at += 1) {
    const character = query.charAt(at);
    if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && character === "(") opened += 1;
    else if (!isQuoted && character === ")") {
      opened -= 1;
      if (opened === 0) return at + 1;
    }
  }
  return query.length;
}

/** Set the filter that a part of the query means; return false if there is no control for it. */
function set(address: URLSearchParams, name: string, value: string): boolean {
  const [parameter, text] = translated(name, value);
  if (parameter === "") return false;
  if (parameter === "tag" && address.has("tag")) {
    address.set("tag", `${address.get("tag")},${text}`);
    return true;
  }
  if (address.has(parameter)) return false;
  address.set(parameter, text);
  // What the address does not take as a filter stays text.
  if (formatFilters(parseAddress(address)).has(parameter)) {
    if (name === "bpm" && value.endsWith("~")) address.set("fold", "1");
    return true;
  }
  address.delete(parameter);
  return false;
}

function translated(name: string, value: string): readonly [parameter: string, value: string] {
  switch (name) {
    case "class":
    case "tag":
    case "key":
    case "len":
    case "rating":
    case "sort":
      return [name, value];
    case "bpm":
      return ["bpm", value.replace(/~$/, "")];
    case "from":
      return ID.test(value) ? ["src", value] : ["", ""];
    case "in":
    case "like":
      return ID.test(value) ? [name, value] : ["", ""];
    case "is":
      if (value === "favourite") return ["favourite", "1"];
      return value === "doubtful" ? ["doubt", "1"] : ["", ""];
    default:
      return ["", ""];
  }
}

function shapeOf(kind: string, isWithoutLoops: boolean, classes: string | null): Filters["shape"] {
  if (kind !== "sample") return "all";
  if (classes === LOOP && !isWithoutLoops) return "loops";
  return isWithoutLoops ? "one-shots" : "all";
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Return a name for a search, from the texts of its chips and its words. */
export function searchName(filters: Filters, chips: readonly string[]): string {
  const parts = [...(chips.length === 0 && filters.query ? [filters.query] : []), ...chips];
  const text = parts
    .join(" · ")
    .replace(/[",\p{C}]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  return text.slice(0, 100).trim() || "Search";
}
