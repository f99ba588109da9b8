import { expect, test } from "vitest";
import { WAITS_MS, WaitingPress } from "./waiting";

test("a press runs when its command is bound, and once", () => {
  const waiting = new WaitingPress<string>();
  waiting.hold(["close", "crate-next"], "down", "/crate", 0);
  expect(waiting.take("/crate", 10, (command) => command === "add")).toBeNull();
  expect(waiting.take("/crate", 20, (command) => command === "crate-next")).toEqual({
    command: "crate-next",
    event: "down",
  });
  expect(waiting.take("/crate", 30, () => true)).toBeNull();
});

test("a press is forgotten at another address, after a time, and for another key", () => {
  const waiting = new WaitingPress<string>();
  waiting.hold(["add"], "u", "/crate", 0);
  expect(waiting.take("/tracks", 10, () => true)).toBeNull();
  expect(waiting.take("/crate", 10, () => true)).toBeNull();
  waiting.hold(["add"], "u", "/crate", 0);
  expect(waiting.take("/crate", WAITS_MS + 1, () => true)).toBeNull();
  waiting.hold(["add"], "u", "/crate", 0);
  waiting.forget();
  expect(waiting.take("/crate", 10, () => true)).toBeNull();
});
