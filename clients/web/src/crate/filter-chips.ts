/** The filters as chips: each says in words what it does, and what is left without it. */

import { type Filters, type Limits } from "./filters";
import { camelotNamed, keyText } from "./musical-keys";
import { className, limitsText } from "./texts";
import type { Understood } from "./types";

export interface FilterChip {
  /** Unique among the chips. */
  readonly id: string;
  readonly text: string;
  /** What it means, if the text alone does not say it. */
  readonly title?: string;
  /** Says what is left out in a hint: "Any key". */
  readonly without: string;
  /** The filters without it. */
  readonly rest: Partial<Filters>;
}

/** Return a chip for each filter and for each part of the query that is more than a word. */
export function filterChips(
  filters: Filters,
  understood: readonly Understood[],
  names: {
    readonly collection: string | null;
    readonly song: string | null;
    readonly like: string | null;
  },
): FilterChip[] {
  const chips: (FilterChip | null)[] = [
    filters.collection === null
      ? null
      : {
          id: "collection",
          text: `In ${names.collection ?? "a collection"}`,
          without: "Everything",
          rest: { collection: null },
        },
    ...queryChips(filters.query, understood),
    filters.shape === "all"
      ? null
      : {
          id: "shape",
          text: filters.shape === "loops" ? "Loops" : "One-shots",
          without: "One-shots and loops",
          rest: { shape: "all" },
        },
    filters.classes.length === 0
      ? null
      : {
          id: "class",
          text: capital(filters.classes.map((name) => className(name).toLowerCase()).join(", ")),
          without: "Any class",
          rest: { classes: [] },
        },
    keyChip(filters),
    rangeChip("tempo", filters.tempo, "BPM", "Any tempo"),
    rangeChip("length", filters.length, "s", "Any length"),
    ...filters.tags.map((tag) => ({
      id: `tag ${tag}`,
      text: tag,
      title: `Tag ${tag}`,
      without: `Without the tag ${tag}`,
      rest: { tags: filters.tags.filter((other) => other !== tag) },
    })),
    filters.favourites
      ? {
          id: "favourite",
          text: "Favourites",
          without: "All, not only favourites",
          rest: { favourites: false },
        }
      : null,
    filters.doubtful
      ? {
          id: "doubt",
          text: "In doubt",
          without: "Also what is not in doubt",
          rest: { doubtful: false },
        }
      : null,
    filters.minRating === null
      ? null
      : {
          id: "rating",
          text: `Rated ${filters.minRating} or more`,
          without: "Any rating",
          rest: { minRating: null },
        },
    filters.source === null
      ? null
      : {
          id: "source",
          text: `From ${names.song ?? "one song"}`,
          without: "From any song",
          rest: { source: null },
        },
    filters.like === null
      ? null
      : {
          id: "like",
          text: `Sounds like ${names.like ?? "one sound"}`,
          without: "Whatever it sounds like",
          rest: { like: null },
        },
  ];
  return chips.filter((chip) => chip !== null);
}

/** Return what the search understood of the query, as chips; plain words need none. */
function queryChips(query: string, understood: readonly Understood[]): FilterChip[] {
  const points = [...query.trim()];
  return understood.flatMap((part): FilterChip[] => {
    const isWord = part.field === "terms" && part.meaning.startsWith("the word");
    const isCurrent = points.slice(part.start, part.end).join("") === part.text;
    if (isWord || !isCurrent) return [];
    const rest = [...points.slice(0, part.start), ...points.slice(part.end)].join("");
    return [
      {
        id: `query ${part.start}`,
        text: part.field === "groups" ? part.text : capital(shortened(part.meaning)),
        title: `“${part.text}” is read as: ${part.meaning}`,
        without: `Without “${part.text}”`,
        rest: { query: rest.replace(/\s+/g, " ").trim() },
      },
    ];
  });
}

/** Return the meaning of a part as a chip says it: `Closed hat or open hat, or “hat”`. */
function shortened(meaning: string): string {
  return meaning.replace(/^(not: )?the (class|kind|key) /, "$1").replace(/the word (.+)$/, "“$1”");
}

function keyChip({ key }: Filters): FilterChip | null {
  if (key === null) return null;
  const name = keyText(camelotNamed(key.name) ?? key.name);
  return {
    id: "key",
    text: key.match === "compatible" ? `${name} and compatible` : name,
    without: "Any key",
    rest: { key: null },
  };
}

function rangeChip(
  field: "tempo" | "length",
  limits: Limits | null,
  unit: string,
  without: string,
): FilterChip | null {
  if (limits === null) return null;
  const rest = field === "tempo" ? { tempo: null, fold: false } : { length: null };
  return { id: field, text: capital(limitsText(limits, unit)), without, rest };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
