/**
 * What happens to a song after it has arrived: the chosen pipeline runs on it.
 * The list of songs to process is stored, so that a reload loses none.
 */
import { api, data } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { ProblemError } from "../data/problem-error";
import { createStore } from "../data/store";
import { showToast } from "../data/toasts";

const PIPELINE_KEY = "cratedig.pipeline";
const LIST_KEY = "cratedig.to-process";

/** Pipeline that new songs go through; empty for none. */
export const chosenPipeline = createStore<string>(localStorage.getItem(PIPELINE_KEY) ?? "full");

export function choosePipeline(name: string): void {
  localStorage.setItem(PIPELINE_KEY, name);
  chosenPipeline.set(name);
}

interface Pending {
  readonly item: string;
  readonly pipeline: string;
}

function pending(): readonly Pending[] {
  try {
    return JSON.parse(localStorage.getItem(LIST_KEY) ?? "[]") as readonly Pending[];
  } catch {
    return [];
  }
}

function store(list: readonly Pending[]): void {
  localStorage.setItem(LIST_KEY, JSON.stringify(list));
}

/** Process an item as soon as it has been ingested. */
export function processWhenReady(item: string): void {
  const pipeline = chosenPipeline.get();
  if (pipeline === "") return;
  store([...pending().filter((entry) => entry.item !== item), { item, pipeline }]);
  void processReadyItems();
}

let processing: Promise<void> = Promise.resolve();

/** Start the pipelines of all items that are ready; called after each change of an item. */
export function processReadyItems(): Promise<void> {
  processing = processing.then(async () => {
    for (const entry of pending()) {
      try {
        if (await startIfReady(entry)) store(pending().filter(({ item }) => item !== entry.item));
      } catch (error) {
        // Without a network the list stays; it is tried again after the next event.
        if (!(error instanceof ProblemError)) return;
        store(pending().filter(({ item }) => item !== entry.item));
        if (error.code !== "not_found") showToast(problemText(error));
      }
    }
  });
  return processing;
}

/** Return whether the item needs no more attention. */
async function startIfReady({ item, pipeline }: Pending): Promise<boolean> {
  const answer = await data(api.GET("/v1/items/{item}", { params: { path: { item } } }));
  if (answer.state === "ingesting") return false;
  // Samples and stems are tagged by the server itself; only whole songs are taken apart.
  if (answer.state === "rejected" || answer.kind !== "track") return true;
  await data(
    api.POST("/v1/runs", {
      // One key for each item, so that two tabs start one run.
      params: { header: { "Idempotency-Key": `first-run-${item}` } },
      body: { item, pipeline },
    }),
  );
  await queries.invalidateQueries({ queryKey: ["work"] });
  return true;
}
