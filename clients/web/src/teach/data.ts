/** Taught tags of the account, read from the server and changed there. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "../data/api";
import { keepAnswer, queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";

/** A taught tag with all of its fields. */
export type TaughtTag = Required<Schemas["TaughtTag"]>;
export type TagVersion = TaughtTag["versions"][number];
type SearchHit = Schemas["SearchHit"];

/** A sound with how sure the tagger is that the tag fits it, 0 to 1. */
export interface Question {
  readonly hit: SearchHit;
  readonly confidence: number | null;
}

const KEY = ["taught"];
/** Questions of a round. */
export const ROUND = 10;
const PROPOSALS_PAGE = 50;

/** Return a tag with the fields that an answer may leave out. */
function complete(tag: Schemas["TaughtTag"]): TaughtTag {
  return {
    threshold: null,
    threshold_chosen: false,
    proposed: 0,
    applies_to_new: true,
    version: null,
    versions: [],
    histogram: null,
    ...tag,
  };
}

export const taughtTagsQuery = queryOptions({
  queryKey: [...KEY, "all"],
  queryFn: async ({ signal }) =>
    (await data(api.GET("/v1/taught-tags", { signal }))).items.map(complete),
});

export function taughtTagQuery(tag: string) {
  return queryOptions({
    queryKey: [...KEY, "one", tag],
    queryFn: async ({ signal }) =>
      complete(await data(api.GET("/v1/taught-tags/{tag}", { params: { path: { tag } }, signal }))),
  });
}

/**
 * The most doubtful sounds. They stay as they are while they are answered, so their key is not
 * among those that an event makes stale.
 */
export function questionsQuery(tag: string, round: number) {
  return queryOptions({
    queryKey: ["teach", "questions", tag, round],
    staleTime: Infinity,
    queryFn: async ({ signal }): Promise<readonly Question[]> =>
      (
        await data(
          api.GET("/v1/taught-tags/{tag}/questions", {
            params: { path: { tag }, query: { limit: ROUND } },
            signal,
          }),
        )
      ).items,
  });
}

/** The proposals, the surest first; read anew for another threshold or version. */
export function proposalsQuery(tag: string, version: string) {
  return infiniteQueryOptions({
    queryKey: ["teach", "proposals", tag, version],
    staleTime: Infinity,
    initialPageParam: "",
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/v1/taught-tags/{tag}/proposals", {
          params: {
            path: { tag },
            query: { limit: PROPOSALS_PAGE, ...(pageParam !== "" && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** Show what the server answered of a tag, and read again what follows from it. */
export function keepTag(tag: Schemas["TaughtTag"]): void {
  keepAnswer(taughtTagQuery(tag.name).queryKey, complete(tag));
  void queries.invalidateQueries({ queryKey: taughtTagsQuery.queryKey });
  void queries.invalidateQueries({ queryKey: ["tags"] });
  void queries.invalidateQueries({ queryKey: ["crate", "facets"] });
}

/** Begin to teach a tag, unless it is taught already. */
export async function startTeaching(tag: string): Promise<boolean> {
  try {
    keepTag(await data(api.PUT("/v1/taught-tags/{tag}", { params: { path: { tag } } })));
    return true;
  } catch (error) {
    showToast(problemText(error));
    return false;
  }
}

export interface TagChange {
  /** Null for the threshold of the version. */
  readonly threshold?: number | null;
  /** A version to go back to. */
  readonly version?: number;
  readonly applies_to_new?: boolean;
}

/** Change a taught tag, undoably; `back` is the change that takes it back. */
export async function changeTag(
  tag: string,
  label: string,
  change: TagChange,
  back: TagChange,
): Promise<void> {
  const send = async (body: TagChange): Promise<void> => {
    const params = { path: { tag } };
    keepTag(await data(api.PATCH("/v1/taught-tags/{tag}", { params, body })));
  };
  try {
    await undoQueue.run({ label, apply: () => send(change), revert: () => send(back) });
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
  } catch (error) {
    showToast(problemText(error));
  }
}
