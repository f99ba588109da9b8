/** Confirms all proposals of a tag, undoably. */

import { api, data, idempotent } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { undoQueue } from "../data/undo";
import { plural } from "../parts/format";
import { MAX_ANSWERS } from "./requests";
import { keepTag, type TaughtTag } from "./data";

/** Proposals that are confirmed at once, at most; the server's limit. */
const MAX_CONFIRMED = 2000;
const PAGE = 200;

/** Put the tag on the surest proposals, at most 2,000; undo takes it from them again. */
export async function confirmAll({ name, proposed }: TaughtTag): Promise<void> {
  const count = Math.min(proposed, MAX_CONFIRMED);
  const label = `${plural(count, "sound")} confirmed as ${name}`;
  let confirmed: string[] = [];
  const params = { path: { tag: name } };
  try {
    await undoQueue.run({
      label,
      apply: async () => {
        confirmed = await proposedItems(name);
        const body = { all: true } as const;
        const headers = idempotent();
        await data(api.POST("/v1/taught-tags/{tag}/proposals/confirm", { params, body, headers }));
        await readAgain(name);
      },
      revert: async () => {
        const edits = [];
        for (let first = 0; first < confirmed.length; first += MAX_ANSWERS) {
          const items = confirmed.slice(first, first + MAX_ANSWERS);
          edits.push({ items, remove_tags: [name] });
        }
        for (const edit of edits) {
          await data(
            api.POST("/v1/items/edit", { body: { edits: [edit] }, headers: idempotent() }),
          );
        }
        await readAgain(name);
      },
    });
  } catch (error) {
    showToast(problemText(error));
    return;
  }
  showToast(`${label}.`, { label: "Undo", run: () => void undoQueue.undo() });
}

async function proposedItems(tag: string): Promise<string[]> {
  const items: string[] = [];
  let cursor: string | undefined;
  do {
    const query = { limit: PAGE, ...(cursor !== undefined && { cursor }) };
    const page = await data(
      api.GET("/v1/taught-tags/{tag}/proposals", { params: { path: { tag }, query } }),
    );
    items.push(...page.items.map(({ hit }) => hit.item.id));
    cursor = page.next ?? undefined;
  } while (cursor !== undefined && items.length < MAX_CONFIRMED);
  return items.slice(0, MAX_CONFIRMED);
}

async function readAgain(tag: string): Promise<void> {
  keepTag(await data(api.GET("/v1/taught-tags/{tag}", { params: { path: { tag } } })));
  await queries.invalidateQueries({ queryKey: ["teach", "proposals", tag] });
}
