/** Jobs of the task `export`: started, followed to their end, and saved. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, idempotent, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { onLiveEvent } from "../data/events";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { baseName } from "../parts/format";
import { saveFile } from "../parts/wav";
import { savedName } from "./files";
import { presetFacts, type Preset } from "./presets";
import { addressOf } from "./saving";

type Job = Schemas["Job"];

export interface JobSubject {
  readonly kind: "item" | "collection";
  readonly id: string;
  readonly name: string;
}

const SHOWN = 8;
const MAX_PAGES = 25;
const ENDS = new Set(["job.succeeded", "job.skipped", "job.failed", "job.cancelled"]);

/** The newest exports of an item or a collection. */
export function exportsQuery(subject: JobSubject) {
  return queryOptions({
    queryKey: ["work", "exports", subject.id],
    queryFn: async ({ signal }): Promise<readonly Job[]> => {
      const query = {
        task: "export" as const,
        subject: `${subject.kind}:${subject.id}`,
        limit: SHOWN,
      };
      return (await data(api.GET("/v1/jobs", { params: { query }, signal }))).items;
    },
  });
}

/** The item that is exported. */
export function exportedItemQuery(item: string) {
  return queryOptions({
    queryKey: ["item", item],
    queryFn: () => data(api.GET("/v1/items/{item}", { params: { path: { item } } })),
  });
}

/** The newest files of the item that is exported. */
export function exportedArtifactsQuery(item: string) {
  return queryOptions({
    queryKey: ["item", item, "exported-files"],
    queryFn: async ({ signal }): Promise<readonly Schemas["Artifact"][]> => {
      const files: Schemas["Artifact"][] = [];
      let cursor: string | undefined;
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const query = { limit: 200, ...(cursor !== undefined && { cursor }) };
        const params = { path: { item }, query };
        const answer = await data(api.GET("/v1/items/{item}/artifacts", { params, signal }));
        files.push(...answer.items);
        if (!answer.next) break;
        cursor = answer.next;
      }
      return files;
    },
  });
}

/** The presets that the server's task has, and whether a worker asks for it. */
export const exportTaskQuery = queryOptions({
  queryKey: ["tasks", "export"],
  queryFn: async ({ signal }): Promise<{ presets: ReadonlySet<string>; isOffered: boolean }> => {
    const { items } = await data(api.GET("/v1/tasks", { signal }));
    const task = items.find(({ name }) => name === "export");
    const definitions = (task?.params["$defs"] ?? {}) as Record<string, { enum?: string[] }>;
    return {
      presets: new Set(definitions["Preset"]?.enum ?? []),
      isOffered: task?.offered ?? false,
    };
  },
});

/** Exports that this page started, by job: they are saved when they end. */
const started = new Map<string, JobSubject>();

/**
 * Start an export; its bundle is saved when it is written.
 * @throws ProblemError if the server refuses.
 */
export async function startExport(
  subject: JobSubject,
  params: Record<string, unknown>,
): Promise<void> {
  const body = { task: "export" as const, [subject.kind]: subject.id, params };
  const job = (await data(api.POST("/v1/jobs", { body, headers: idempotent() }))) as Job;
  started.set(job.id, subject);
  await queries.invalidateQueries({ queryKey: exportsQuery(subject).queryKey });
  // It may have ended before its events were waited for, or be a result that existed before.
  await readAndFinish(job.id);
}

/** Save what this page started when its jobs end; return a function that stops. */
export function saveFinishedExports(): () => void {
  return onLiveEvent(({ type, job }) => {
    if (job !== null && ENDS.has(type) && started.has(job)) void readAndFinish(job);
  });
}

async function readAndFinish(id: string): Promise<void> {
  try {
    await finish(await data(api.GET("/v1/jobs/{job}", { params: { path: { job: id } } })));
  } catch (error) {
    showToast(problemText(error));
  }
}

async function finish(job: Job): Promise<void> {
  const subject = started.get(job.id);
  if (!subject || job.state === "queued" || job.state === "running") return;
  started.delete(job.id);
  await queries.invalidateQueries({ queryKey: exportsQuery(subject).queryKey });
  const name = `${baseName(subject.name)}, ${presetLabel(job)}`;
  if (job.state === "succeeded") {
    showToast(`${name}: ready.`, { label: "Save again", run: () => void saveBundle(job, subject) });
    await saveBundle(job, subject);
  } else if (job.state !== "cancelled") {
    showToast(`${name}: ${job.reason?.message ?? "It was not written."}`);
  }
}

/** Stop an export. */
export async function stopExport(job: Job): Promise<void> {
  try {
    const params = { path: { job: job.id } };
    await data(api.POST("/v1/jobs/{job}/cancel", { params, headers: idempotent() }));
  } catch (error) {
    showToast(problemText(error));
  }
  await queries.invalidateQueries({ queryKey: ["work", "exports"] });
}

/** Save the ZIP file that an export wrote. */
export async function saveBundle(job: Job, subject: JobSubject): Promise<void> {
  try {
    const path = { job: job.id };
    const { items } = await data(api.GET("/v1/jobs/{job}/artifacts", { params: { path } }));
    const bundle = items.find(({ kind }) => kind === "bundle");
    if (!bundle) throw new Error("the job has no bundle");
    saveFile(await addressOf(bundle.id), savedName(subject.name, bundle));
  } catch (error) {
    showToast(`The bundle was not saved. ${problemText(error)}`);
  }
}

/** Return the name of a job's preset. */
export function presetLabel(job: Job): string {
  const preset = String(job.params["preset"] ?? "stems");
  return presetFacts(preset as Preset)?.label ?? preset;
}
