/** Songs of the account with what is known of them. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { useWork } from "../activity/work-context";
import type { WorkRow } from "../activity/rows";
import { api, data, type Schemas } from "../data/api";

type Item = Schemas["Item"];
type SearchHit = Schemas["SearchHit"];

export interface Song {
  readonly item: Item;
  readonly key: string | null;
  readonly bpm: number | null;
  readonly state: string;
  readonly failed: boolean;
}

const PAGE = 200;

/** Return what a song's work amounts to, in a word or two. */
export function songState(item: Item, row: WorkRow | undefined): { text: string; failed: boolean } {
  if (item.state === "rejected") return { text: item.rejection ?? "Not taken", failed: true };
  if (item.state === "ingesting") return { text: "Arrives", failed: false };
  if (!row?.run) return { text: "Not taken apart", failed: false };
  switch (row.run.state) {
    case "running":
      return { text: `${Math.round((row.run.progress.fraction ?? 0) * 100)} %`, failed: false };
    case "succeeded":
      return { text: "Ready", failed: false };
    case "cancelled":
      return { text: "Stopped", failed: false };
    case "partial":
      return { text: "A stage failed", failed: true };
    case "failed":
      return { text: "Failed", failed: true };
  }
}

/** Return all songs, newest first; pages follow by themselves. */
export function useSongs(): { songs: readonly Song[]; loading: boolean; error: unknown } {
  const items = useInfiniteQuery({
    queryKey: ["items", "songs"],
    initialPageParam: "",
    queryFn: ({ pageParam }) => {
      const query = {
        kind: "track" as const,
        limit: PAGE,
        ...(pageParam ? { cursor: pageParam } : {}),
      };
      return data(api.GET("/v1/items", { params: { query } }));
    },
    getNextPageParam: (page) => page.next ?? undefined,
  });
  const facts = useQuery({
    queryKey: ["items", "song-facts"],
    queryFn: () =>
      data(api.GET("/v1/search", { params: { query: { kind: ["track"], limit: PAGE } } })),
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = items;
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const work = new Map(useWork().rows.map((row) => [row.item, row]));
  const hits = new Map<string, SearchHit>(
    (facts.data?.items ?? []).map((hit) => [hit.item.id, hit]),
  );
  const songs = (items.data?.pages ?? []).flatMap((page) =>
    page.items.map((item): Song => {
      const hit = hits.get(item.id);
      const state = songState(item, work.get(item.id));
      return {
        item,
        key: hit?.key ?? null,
        bpm: item.bpm ?? hit?.bpm ?? null,
        state: state.text,
        failed: state.failed,
      };
    }),
  );
  return { songs, loading: items.isPending, error: items.error };
}
