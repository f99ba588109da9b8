import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { MemoryFile, encodeFlac, noise } from "../../../tests/support/flac";
import { DecodedSource, WINDOW } from "../windows";
import { NotFlac } from "./header";
import { FlacSource } from "./source";

const MINUTE = 60 * 44_100;
const SONG = new URL("../../../../../examples/song/song.flac", import.meta.url);

const left = noise(2 * MINUTE, 1);
const withTable = encodeFlac([left], { pointEvery: 11 });
const withoutTable = encodeFlac([left]);

describe("FlacSource", () => {
  it("reads the frame that holds a sample by the seek table", async () => {
    const file = new MemoryFile(withTable);
    const source = await FlacSource.open(file);
    expect(source.header.points).toHaveLength(Math.ceil((2 * MINUTE) / 4096 / 11));
    file.reads = 0;
    const [frame] = await source.frames(MINUTE, 1);
    expect(file.reads).toBe(1);
    expect(frame?.sample).toBe(Math.floor(MINUTE / 4096) * 4096);
    expect(file.bytesRead).toBeLessThan(400_000);
  });

  it("finds the frame without a table in a few reads", async () => {
    const file = new MemoryFile(withoutTable);
    const source = await FlacSource.open(file);
    for (const second of [60, 3, 119, 60.5]) {
      file.reads = 0;
      const first = Math.round(second * 44_100);
      const [frame] = await source.frames(first, 1);
      expect(file.reads).toBeLessThanOrEqual(6);
      expect(frame?.sample).toBe(Math.floor(first / 4096) * 4096);
      const view = new DataView(frame?.bytes.buffer ?? new ArrayBuffer(0), frame?.bytes.byteOffset);
      const header = (frame?.bytes.length ?? 0) - 2 - (1 + (frame?.count ?? 0) * 2);
      expect(view.getInt16(header + 1)).toBe(left[frame?.sample ?? 0]);
    }
  });

  it("knows where the next frame begins once it has read one", async () => {
    const file = new MemoryFile(withoutTable);
    const source = await FlacSource.open(file);
    await source.frames(MINUTE, WINDOW);
    file.reads = 0;
    const frames = await source.frames(MINUTE + WINDOW, WINDOW);
    expect(file.reads).toBe(1);
    expect(frames.at(-1)).toMatchObject({ count: 4096 });
  });

  it("gives the last frame, which is shorter, and nothing behind it", async () => {
    const file = new MemoryFile(withTable);
    const source = await FlacSource.open(file);
    const frames = await source.frames(2 * MINUTE - 10, 1000);
    expect(frames.map(({ sample, count }) => sample + count)).toEqual([2 * MINUTE]);
    expect(await source.frames(2 * MINUTE, 10)).toEqual([]);
  });

  it("refuses what is no FLAC", async () => {
    await expect(FlacSource.open(new MemoryFile(new Uint8Array(100)))).rejects.toThrow(NotFlac);
  });
});

describe("DecodedSource", () => {
  it("decodes windows of a compressed file that join without a gap", async () => {
    const bytes = new Uint8Array(readFileSync(SONG));
    const source = await DecodedSource.open(new MemoryFile(bytes));
    expect(source.sampleRate).toBe(44_100);
    const { FLACDecoder } = await import("@wasm-audio-decoders/flac");
    const decoder = new FLACDecoder();
    await decoder.ready;
    const whole = (await decoder.decodeFile(bytes)).channelData;
    for (const index of [5, 0, 14, 6]) {
      const window = await source.window(index);
      const first = index * WINDOW;
      expect(window[0]).toEqual(whole[0]?.subarray(first, first + WINDOW));
    }
    expect(source.samples).toBe(whole[0]?.length);
    source.close();
  });
});
