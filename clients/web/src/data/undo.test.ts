import { expect, test } from "vitest";
import { UNDO_DEPTH, UndoQueue, type Edit } from "./undo";

function counter() {
  const log: string[] = [];
  const edit = (name: string): Edit => ({
    label: name,
    apply: async () => {
      log.push(`+${name}`);
    },
    revert: async () => {
      log.push(`-${name}`);
    },
  });
  return { log, edit };
}

test("undo and redo go through the edits in order", async () => {
  const { log, edit } = counter();
  const queue = new UndoQueue();
  await queue.run(edit("a"));
  await queue.run(edit("b"));
  expect((await queue.undo())?.label).toBe("b");
  expect((await queue.undo())?.label).toBe("a");
  expect(await queue.undo()).toBeNull();
  expect((await queue.redo())?.label).toBe("a");
  expect(log).toEqual(["+a", "+b", "-b", "-a", "+a"]);
});

test("an edit that fails is not stored, and the next one runs", async () => {
  const { edit } = counter();
  const queue = new UndoQueue();
  const broken: Edit = { ...edit("x"), apply: () => Promise.reject(new Error("refused")) };
  await expect(queue.run(broken)).rejects.toThrow("refused");
  await queue.run(edit("a"));
  expect(queue.state.get().done.map(({ label }) => label)).toEqual(["a"]);
});

test("an undo waits for the edit before it", async () => {
  const log: string[] = [];
  const queue = new UndoQueue();
  const slow: Edit = {
    label: "slow",
    apply: () => new Promise((resolve) => setTimeout(resolve, 5)).then(() => void log.push("+")),
    revert: async () => void log.push("-"),
  };
  const running = queue.run(slow);
  const undone = queue.undo();
  await Promise.all([running, undone]);
  expect(log).toEqual(["+", "-"]);
});

test("a new edit forgets what was undone, and at least twenty steps are kept", async () => {
  const { edit } = counter();
  const queue = new UndoQueue();
  expect(UNDO_DEPTH).toBeGreaterThanOrEqual(20);
  for (let step = 0; step < UNDO_DEPTH + 5; step += 1) await queue.run(edit(String(step)));
  expect(queue.state.get().done).toHaveLength(UNDO_DEPTH);
  await queue.undo();
  await queue.run(edit("new"));
  expect(await queue.redo()).toBeNull();
});
