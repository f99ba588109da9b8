/** The cuts of a recording or of one of its stems: read, edited with undo, rendered. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, idempotent, type Schemas } from "../data/api";
import type { CorrectionField } from "../data/corrections";
import { keepAnswer, queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { plural } from "../parts/format";
import type { CutEdit, CutList } from "./cut-logic";

/** Whose cuts are edited: an item, and a stem of it or the whole. */
export interface CutSource {
  readonly item: string;
  readonly stem: Schemas["Stem"] | null;
}

export function cutsQuery({ item, stem }: CutSource) {
  return queryOptions({
    queryKey: ["item", item, "cuts", stem ?? ""],
    queryFn: ({ signal }) =>
      data(api.GET("/v1/items/{item}/cuts", { params: paramsOf({ item, stem }), signal })),
    retry: false,
  });
}

function paramsOf({ item, stem }: CutSource) {
  return { path: { item }, query: stem === null ? {} : { stem } };
}

/** Make edits of a list, undoably; return the list as it is then, or null if they were refused. */
export async function editCuts(
  source: CutSource,
  before: CutList,
  label: string,
  edits: readonly CutEdit[],
): Promise<CutList | null> {
  // The first time the edits are made; redone, the version that they made counts again.
  let made: CutList | null = null;
  const apply = async (): Promise<void> => {
    if (made === null) {
      const body = { version: before.version, edits: [...edits] };
      made = await data(api.PATCH("/v1/items/{item}/cuts", { params: paramsOf(source), body }));
      keepAnswer(cutsQuery(source).queryKey, made);
    } else await restore(source, made.version);
  };
  const revert = (): Promise<void> => restore(source, before.by === "user" ? before.version : null);
  try {
    await undoQueue.run({ label, apply, revert });
    showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
    return made;
  } catch (error) {
    showToast(problemText(error));
    // Somebody else may have changed the list.
    await queries.invalidateQueries({ queryKey: cutsQuery(source).queryKey });
    return null;
  }
}

/** Let an earlier version count again, or the machine's list. */
async function restore(source: CutSource, version: number | null): Promise<void> {
  const field: CorrectionField = source.stem === null ? "cuts" : fieldOf(source.stem);
  const path = { item: source.item, field };
  if (version === null) {
    await data(api.DELETE("/v1/items/{item}/corrections/{field}", { params: { path } }));
  } else {
    const params = { path: { ...path, version } };
    await data(
      api.POST("/v1/items/{item}/corrections/{field}/versions/{version}/restore", { params }),
    );
  }
  await queries.invalidateQueries({ queryKey: cutsQuery(source).queryKey });
}

function fieldOf(stem: Schemas["Stem"]): CorrectionField {
  return `cuts-${stem}` as CorrectionField;
}

/** Start the job that makes the samples of the cuts. */
export async function renderCuts(source: CutSource, count: number): Promise<void> {
  try {
    const params = paramsOf(source);
    await data(api.POST("/v1/items/{item}/cuts/render", { params, headers: idempotent() }));
    await queries.invalidateQueries({ queryKey: ["work"] });
    showToast(`${plural(count, "sample")} on the way.`);
  } catch (error) {
    showToast(problemText(error));
  }
}
