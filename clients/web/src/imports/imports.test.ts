import { expect, test } from "vitest";
import { countsText, finishedImportText, shareDone, stateText, type Import } from "./data";
import { linkProblem, providerOf } from "./links";

test("a link tells its provider", () => {
  expect(providerOf("https://example.org/kick.wav")).toBe("http");
  expect(providerOf(" https://example.org/feed.XML?page=2 ")).toBe("podcast");
  expect(providerOf("https://www.archive.org/details/gd1973-06-10")).toBe("archive");
  expect(providerOf("https://freesound.org/people/ann/sounds/7/")).toBe("freesound");
  expect(providerOf("gd1973-06-10")).toBeNull();
  expect(providerOf("http://example.org/kick.wav")).toBeNull();
});

test("a link that cannot be read says what to do", () => {
  expect(linkProblem("https://example.org/kick.wav")).toBe("");
  expect(linkProblem("")).toBe("");
  expect(linkProblem("http://example.org/kick.wav")).toContain("with https");
  expect(linkProblem("gd1973-06-10")).toContain("choose where it is from");
});

function imported(state: Import["state"], files: Partial<Import["files"]> = {}): Import {
  const counts = { total: 0, waiting: 0, added: 0, duplicate: 0, refused: 0, skipped: 0, ...files };
  return { title: "Dusty Drums", state, files: counts } as Import;
}

test("an import says what became of its files", () => {
  const running = imported("running", { total: 8, waiting: 2, added: 5, refused: 1 });
  expect(countsText(running)).toBe("5 added, 1 refused, 2 to come");
  expect(shareDone(running)).toBe(0.75);
  expect(stateText(imported("queued"))).toBe("Waits for its turn");
  expect(stateText(imported("cancelled", { total: 3, added: 1, waiting: 2 }))).toBe(
    "Stopped by you: 1 added",
  );
  expect(finishedImportText(imported("finished", { added: 48, refused: 2 }))).toBe(
    "Dusty Drums: 48 sounds added, 2 refused.",
  );
  expect(finishedImportText({ ...imported("failed"), failure: "It is no ZIP archive." })).toBe(
    "Dusty Drums: It is no ZIP archive.",
  );
});
