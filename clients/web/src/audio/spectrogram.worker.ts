/** The worker that decodes a file and computes tiles of its spectrogram, the newest asked first. */
import { HttpRanges } from "./ranges";
import { Spectrogram, type MonoSource } from "./spectrogram";
import { DecodedSource, WINDOW, WindowCache } from "./windows";

export type ToSpectrogram =
  | { readonly kind: "open"; readonly address: string; readonly size: number | null }
  | { readonly kind: "address"; readonly address: string }
  /** Tiles that are in view, in the order in which they should come; all others are forgotten. */
  | { readonly kind: "tiles"; readonly tiles: readonly TileKey[] };

export interface TileKey {
  readonly level: number;
  readonly index: number;
}

export type FromSpectrogram =
  | { readonly kind: "opened"; readonly sampleRate: number }
  | { readonly kind: "expired" }
  | { readonly kind: "tile"; readonly key: TileKey; readonly values: Uint8Array<ArrayBuffer> }
  | { readonly kind: "failed" };

/** Bytes of decoded samples that are kept. */
const CACHE_BYTES = 12 * 2 ** 20;

const scope = self as unknown as {
  postMessage(message: FromSpectrogram, transfer?: Transferable[]): void;
  onmessage: ((event: MessageEvent<ToSpectrogram>) => void) | null;
};

let wanted: readonly TileKey[] = [];
let spectrogram: Spectrogram | null = null;
let isRunning = false;
let renew: ((address: string) => void) | null = null;

/** Left and right of a file as one channel. */
class Mono implements MonoSource {
  readonly #right = new Float32Array(8192);

  constructor(
    readonly sampleRate: number,
    private readonly cache: WindowCache,
    private readonly samples: number,
  ) {}

  async read(target: Float32Array, from: number): Promise<void> {
    const first = Math.max(0, Math.min(from, this.samples - 1));
    const count = Math.min(from + target.length, this.samples) - first;
    if (count > 0 && !this.cache.has(first, count)) await this.cache.load(first, count);
    const right = this.#right.subarray(0, target.length);
    this.cache.copy(0, 0, target, from);
    this.cache.copy(0, 1, right, from);
    for (let at = 0; at < target.length; at += 1)
      target[at] = ((target[at] ?? 0) + (right[at] ?? 0)) / 2;
  }
}

async function open(address: string, size: number | null): Promise<void> {
  const ranges = new HttpRanges(address, size, () => {
    scope.postMessage({ kind: "expired" });
    return new Promise((resolve) => (renew = resolve));
  });
  const source = await DecodedSource.open(ranges);
  const cache = new WindowCache([source], Math.max(CACHE_BYTES, WINDOW * 16));
  spectrogram = new Spectrogram(new Mono(source.sampleRate, cache, source.samples));
  scope.postMessage({ kind: "opened", sampleRate: source.sampleRate });
  void run();
}

async function run(): Promise<void> {
  if (isRunning || !spectrogram) return;
  isRunning = true;
  try {
    for (;;) {
      const key = wanted[0];
      if (!key) break;
      const isWanted = (): boolean =>
        wanted.some(({ level, index }) => level === key.level && index === key.index);
      const values = await spectrogram.tile(key.level, key.index, isWanted);
      if (!values) continue;
      wanted = wanted.filter(({ level, index }) => level !== key.level || index !== key.index);
      const sent = values as Uint8Array<ArrayBuffer>;
      scope.postMessage({ kind: "tile", key, values: sent }, [sent.buffer]);
    }
  } catch {
    scope.postMessage({ kind: "failed" });
  }
  isRunning = false;
}

scope.onmessage = ({ data }) => {
  if (data.kind === "open")
    open(data.address, data.size).catch(() => scope.postMessage({ kind: "failed" }));
  else if (data.kind === "address") renew?.(data.address);
  else {
    wanted = data.tiles;
    void run();
  }
};
