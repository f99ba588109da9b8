import { expect, test } from "vitest";
import { isAudioName, isPackName } from "./dropped";
import { resumableEntry, type UploadEntry } from "./entries";

test("of a folder, sound is taken and hidden files are not", () => {
  expect(["kick.WAV", "mix.flac", "clip.mp4"].every(isAudioName)).toBe(true);
  expect(["notes.txt", ".DS_Store", "._kick.wav", "cover.jpg"].some(isAudioName)).toBe(false);
});

test("a ZIP archive is a pack", () => {
  expect(["Dusty Drums.zip", "KIT.ZIP"].every(isPackName)).toBe(true);
  expect(["zip.wav", "kit.zip.part", "zip"].some(isPackName)).toBe(false);
});

test("a picked file goes on with its interrupted upload only", () => {
  const stored = { phase: "needs-file", name: "a.wav", size: 9 } as UploadEntry;
  const running = { phase: "sending", name: "b.wav", size: 9 } as UploadEntry;
  const find = (name: string, size: number) => resumableEntry([stored, running], { name, size });
  expect(find("a.wav", 9)).toBe(stored);
  expect(find("a.wav", 8)).toBeUndefined();
  expect(find("b.wav", 9)).toBeUndefined();
});
