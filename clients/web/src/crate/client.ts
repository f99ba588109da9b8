/** The Crate's requests. */

import { api, data, type Schemas } from "../data/api";
import { EditQueue, waitForNetwork } from "./edit-queue";
import type { Filters } from "./filters";
import type { PageReader } from "./result-pages";
import { KINDS, searchParameters, serialize } from "./search-request";
import type { Facets, SearchResult } from "./types";
import { Waveforms } from "./waveforms";
import { readWaveforms } from "./waveform-request";

/** Return what reads the rows of a search. */
export function rowsOf(filters: Filters): PageReader {
  const parameters = searchParameters(filters);
  return ({ offset, limit, snapshot, signal }) =>
    search({ ...parameters, offset, limit, ...(snapshot !== null && { snapshot }) }, signal);
}

export interface FacetCounts {
  readonly facets: Facets;
  readonly histograms: Readonly<Record<string, Schemas["Histogram"] | undefined>>;
}

/** Return the counts of the facets of a search, and how its tempos and lengths are distributed. */
export async function readFacets(filters: Filters, signal: AbortSignal): Promise<FacetCounts> {
  const parameters = {
    ...searchParameters(filters),
    counts: true,
    histograms: "bpm,duration",
    limit: 1,
  };
  const { facets, histograms } = await search(parameters, signal);
  return { facets: facets ?? {}, histograms: histograms ?? {} };
}

/** Return how many sounds a search finds. */
export async function countSounds(filters: Filters, signal: AbortSignal): Promise<number> {
  return (await search({ ...searchParameters(filters), limit: 1 }, signal)).total;
}

/** Return how many sounds there are in all. */
export async function countAll(signal: AbortSignal): Promise<number> {
  return (await search({ kind: KINDS, limit: 1 }, signal)).total;
}

/** The changes of sounds that are on their way to the server. */
export const edits = new EditQueue(
  (requests, key) =>
    data(
      api.POST("/v1/items/edit", {
        body: { edits: requests },
        headers: { "Idempotency-Key": key },
      }),
    ),
  waitForNetwork,
);

/** The mini-waveforms of rows and pads. */
export const waveforms = new Waveforms(readWaveforms);

function search(parameters: Readonly<Record<string, unknown>>, signal: AbortSignal) {
  return data<SearchResult>(
    api.GET("/v1/search", {
      params: { query: parameters },
      querySerializer: serialize,
      signal,
    }),
  );
}
