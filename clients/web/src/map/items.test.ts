import { expect, test } from "vitest";
import { ItemReader } from "./items";

test("items are read a few at a time, and those asked for last first", async () => {
  const asked: string[] = [];
  const waiting = new Map<string, () => void>();
  const reader = new ItemReader(
    (id) =>
      new Promise<string>((resolve) => {
        asked.push(id);
        waiting.set(id, () => resolve(`item ${id}`));
      }),
    { atOnce: 2, kept: 3 },
  );
  reader.want(["a", "b", "c"]);
  expect(asked).toEqual(["a", "b"]);
  reader.want(["d"]);
  const come = new Promise<void>((resolve) => reader.subscribe(resolve));
  waiting.get("a")?.();
  await come;
  expect(reader.get("a")).toBe("item a");
  expect(reader.get("d")).toBeUndefined();
  await Promise.resolve();
  expect(asked).toEqual(["a", "b", "d"]);
});

test("an item that cannot be read is null, and the oldest are forgotten", async () => {
  const reader = new ItemReader(
    (id) => (id === "gone" ? Promise.reject(new Error("gone")) : Promise.resolve(id)),
    { atOnce: 2, kept: 2 },
  );
  expect(await reader.one("gone")).toBeNull();
  expect(await reader.one("a")).toBe("a");
  expect(await reader.one("b")).toBe("b");
  expect(reader.get("gone")).toBeUndefined();
  expect(reader.get("b")).toBe("b");
});
