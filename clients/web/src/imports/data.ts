/** Imports: what is read of them, and what starts, stops and names them. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { createStore } from "../data/store";
import { showToast } from "../data/toasts";
import { plural } from "../parts/format";

export type Import = Schemas["Import"];
export type ImportFile = Schemas["ImportFile"];
export type ImportCreate = Schemas["ImportCreate"];

const SHOWN = 50;
const FILES_SHOWN = 200;

/** Whether the dialog that takes a link is open. */
export const importDialog = createStore(false);

export const importsQuery = queryOptions({
  queryKey: ["imports", "all"],
  queryFn: async () =>
    (await data(api.GET("/v1/imports", { params: { query: { limit: SHOWN } } }))).items,
});

export const providersQuery = queryOptions({
  queryKey: ["imports", "providers"],
  queryFn: async () => (await data(api.GET("/v1/imports/providers"))).items,
  staleTime: Infinity,
});

/** The files of an import that did not become items of their own, and why. */
export function refusedQuery(id: string) {
  return queryOptions({
    queryKey: ["imports", id, "refused"],
    queryFn: () =>
      data(
        api.GET("/v1/imports/{import_id}/files", {
          params: { path: { import_id: id }, query: { state: "refused", limit: FILES_SHOWN } },
        }),
      ),
  });
}

/** @throws ProblemError if the provider finds nothing or refuses. */
export async function startImport(
  body: Pick<ImportCreate, "provider" | "reference"> & Partial<ImportCreate>,
  key: string,
): Promise<Import> {
  const started = await data(
    api.POST("/v1/imports", {
      params: { header: { "Idempotency-Key": key } },
      body: { max_files: 50, tags: [], ...body },
    }),
  );
  await queries.invalidateQueries({ queryKey: ["imports"] });
  return started;
}

export async function stopImport({ id }: Import): Promise<void> {
  try {
    await data(
      api.POST("/v1/imports/{import_id}/cancel", {
        params: { path: { import_id: id } },
      }),
    );
  } catch (error) {
    showToast(problemText(error));
  }
  await queries.invalidateQueries({ queryKey: ["imports"] });
}

export function isOpen({ state }: Import): boolean {
  return state === "queued" || state === "running";
}

/** Share of the files that have an outcome, 0…1. */
export function shareDone({ files }: Import): number {
  const total = files?.total ?? 0;
  return total > 0 ? 1 - (files?.waiting ?? 0) / total : 0;
}

/** What became of the files: `48 added, 2 here already, 1 refused`. */
export function countsText(each: Import): string {
  const { files } = each;
  const parts = (
    [
      ["added", files?.added],
      ["here already", files?.duplicate],
      ["refused", files?.refused],
      ["no sound", files?.skipped],
      ["to come", isOpen(each) ? files?.waiting : 0],
    ] as const
  ).flatMap(([word, count]) => (count ? [`${count.toLocaleString("en")} ${word}`] : []));
  return parts.join(", ");
}

/** One line of state. */
export function stateText(each: Import): string {
  const counts = countsText(each);
  switch (each.state) {
    case "queued":
      return counts || "Waits for its turn";
    case "running":
      return counts || "Is being read";
    case "failed":
      return each.failure ?? "It could not be read.";
    case "cancelled":
      return counts ? `Stopped by you: ${counts}` : "Stopped by you";
    case "finished":
      return counts || "It holds no files";
  }
}

/** What a finished import brought, for the toast. */
export function finishedImportText(each: Import): string {
  if (each.state === "failed") return `${each.title}: ${each.failure ?? "it could not be read."}`;
  const { added = 0, refused = 0 } = each.files ?? {};
  const sounds = `${plural(added, "sound")} added`;
  return `${each.title}: ${refused > 0 ? `${sounds}, ${refused} refused` : sounds}.`;
}
