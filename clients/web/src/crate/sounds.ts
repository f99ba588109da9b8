/** Files of sounds: which one to play and to save, and their signed addresses. */

import { api, data } from "../data/api";
import type { Schemas } from "../data/api";

type Artifact = Schemas["Artifact"];

export interface SoundFile {
  /** Signed; valid for a while. */
  readonly address: string;
  readonly name: string;
  readonly mediaType: string;
}

interface Kept {
  readonly file: Promise<SoundFile>;
  /** The file, once its address has come. */
  ready?: SoundFile;
  /** When it must be asked for again, by `performance.now()`. */
  until: number;
}

const MAX_KEPT = 400;
/** Signed addresses are renewed at this share of their life. */
const LIFE_SHARE = 0.8;
/** Kinds of files that hold an item's sound, the best to play first. */
const PLAYED = ["canonical", "original"];

const kept = new Map<string, Kept>();

/** Return the file of an item's sound; the same one until its address grows old. */
export function soundFile(item: string): Promise<SoundFile> {
  const known = kept.get(item);
  if (known && known.until > performance.now()) return known.file;
  const reading = readFile(item);
  const entry: Kept = { file: reading.then(({ file }) => file), until: Infinity };
  kept.delete(item);
  kept.set(item, entry);
  reading.then(
    ({ file, life }) => {
      entry.ready = file;
      entry.until = performance.now() + life * LIFE_SHARE;
    },
    () => kept.delete(item),
  );
  for (const oldest of kept.keys()) {
    if (kept.size <= MAX_KEPT) break;
    kept.delete(oldest);
  }
  return entry.file;
}

/** Return the file of an item's sound if its address has come before, as a drag needs it at once. */
export function readyFile(item: string): SoundFile | undefined {
  const known = kept.get(item);
  return known && known.until > performance.now() ? known.ready : undefined;
}

/** Read which file an item has, its signed address, and for how many milliseconds that is valid. */
async function readFile(item: string): Promise<{ file: SoundFile; life: number }> {
  const page = await data(api.GET("/v1/items/{item}/artifacts", { params: { path: { item } } }));
  const artifact = chooseFile(page.items);
  if (!artifact) throw new Error("This item has no sound file.");
  const { url, expires } = await data(
    api.GET("/v1/artifacts/{artifact}/download", { params: { path: { artifact: artifact.id } } }),
  );
  return {
    file: { address: url, name: artifact.name, mediaType: artifact.media_type },
    life: new Date(expires).getTime() - Date.now(),
  };
}

/** Return the file to play of an item's files. */
export function chooseFile(artifacts: readonly Artifact[]): Artifact | undefined {
  for (const kind of PLAYED) {
    const file = artifacts.find((artifact) => artifact.kind === kind);
    if (file) return file;
  }
  return artifacts.find((artifact) => artifact.media_type.startsWith("audio/"));
}
