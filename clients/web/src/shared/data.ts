/** A collection that is read by its link, without an account. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { Peaks, Sound } from "../audio/player";
import { api, data, type Schemas } from "../data/api";
import { baseName } from "../parts/format";
import { saveFile } from "../parts/wav";

export type SharedCollection = Schemas["SharedCollection"];
export type SharedItem = Schemas["SharedItem"];

const PAGE = 200;

export function collectionQuery(secret: string) {
  return queryOptions({
    queryKey: ["shared", secret],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/shared/{secret}", { params: { path: { secret } }, signal })),
  });
}

export function itemsQuery(secret: string) {
  return infiniteQueryOptions({
    queryKey: ["shared", secret, "items"],
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) => {
      const query = { limit: PAGE, ...(pageParam !== "" && { cursor: pageParam }) };
      const params = { path: { secret }, query };
      return data(api.GET("/v1/shared/{secret}/items", { params, signal }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** Read the signed address of the image that is the cover. */
export function coverQuery(secret: string) {
  return queryOptions({
    queryKey: ["shared", secret, "cover"],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/shared/{secret}/cover", { params: { path: { secret } }, signal })),
  });
}

/** Return an item as the player takes it. */
export function soundOf(secret: string, collection: string, item: SharedItem): Sound {
  return {
    key: item.id,
    title: baseName(item.name),
    subtitle: collection,
    ...(item.audio && { duration: item.audio.duration }),
    address: () => addressOf(secret, item.id, "audio"),
    peaks: () => Promise.resolve(peaksOf(item)),
  };
}

/** Save an item as a file. */
export async function saveItem(secret: string, item: SharedItem): Promise<void> {
  saveFile(await addressOf(secret, item.id, "download"), item.name);
}

/** Return the peaks of an item's waveform: for each column the amplitude, of which a byte is the root. */
export function peaksOf({ waveform }: Pick<SharedItem, "waveform">): Peaks | null {
  if (!waveform) return null;
  const bytes = atob(waveform);
  const high = Float32Array.from({ length: bytes.length / 2 }, (_, column) => {
    return (bytes.charCodeAt(2 * column) / 255) ** 2;
  });
  return { high, low: high.map((value) => -value) };
}

async function addressOf(secret: string, item: string, file: "audio" | "download") {
  const params = { path: { secret, item } };
  const answer =
    file === "audio"
      ? api.GET("/v1/shared/{secret}/items/{item}/audio", { params })
      : api.GET("/v1/shared/{secret}/items/{item}/download", { params });
  return (await data(answer)).url;
}
