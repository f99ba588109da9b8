/** The spectrogram of one file as bitmaps in the theme's colours; tiles come as they are computed. */
import { BANDS, TILE_COLUMNS, hopOf, levelFor, tileSamples } from "../audio/spectrogram";
import type { FromSpectrogram, TileKey, ToSpectrogram } from "../audio/spectrogram.worker";
import type { CanvasSize } from "./canvas";
import { shareOf, type View } from "./view";

/** Tiles that are kept: 256 columns of 128 bytes each. */
const MAX_TILES = 96;

interface Tile {
  readonly values: Uint8Array<ArrayBuffer>;
  picture: { readonly canvas: OffscreenCanvas; readonly colors: string } | null;
}

export interface SpectrumColors {
  /** CSS colours of silence, of the middle, and of full scale. */
  readonly silence: string;
  readonly middle: string;
  readonly loud: string;
}

export class SpectrumTiles {
  readonly #worker: Worker;
  readonly #tiles = new Map<string, Tile>();
  #sampleRate = 0;
  #asked = "";
  #hasFailed = false;

  /**
   * @param address returns a signed address of the FLAC file.
   * @param onChange is called when there is something new to draw.
   */
  constructor(
    address: () => Promise<string>,
    size: number | null,
    private readonly onChange: () => void,
  ) {
    this.#worker = new Worker(new URL("../audio/spectrogram.worker.ts", import.meta.url), {
      type: "module",
    });
    this.#worker.onerror = () => this.#fail();
    this.#worker.onmessage = ({ data }: MessageEvent<FromSpectrogram>) => {
      if (data.kind === "opened") this.#sampleRate = data.sampleRate;
      else if (data.kind === "tile") this.#keep(data.key, data.values);
      else if (data.kind === "failed") this.#hasFailed = true;
      else {
        address().then(
          (renewed) => this.#tell({ kind: "address", address: renewed }),
          () => this.#fail(),
        );
        return;
      }
      this.onChange();
    };
    address().then(
      (first) => this.#tell({ kind: "open", address: first, size }),
      () => this.#fail(),
    );
  }

  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  close(): void {
    this.#worker.terminate();
  }

  /** Draw what is there of a view, and ask for what is not. */
  draw(
    context: CanvasRenderingContext2D,
    { width, height, ratio }: CanvasSize,
    view: View,
    colors: SpectrumColors,
  ): void {
    context.fillStyle = colors.silence;
    context.fillRect(0, 0, width, height);
    if (this.#sampleRate === 0) return;
    const samples = (view.end - view.start) * this.#sampleRate;
    const level = levelFor(samples, width / ratio);
    const missing: TileKey[] = [];
    // Coarser and finer tiles stand in until those of this level are there.
    for (const one of [level + 2, level + 1, level - 1, level])
      for (const key of this.#inView(view, one)) {
        const tile = this.#tiles.get(nameOf(key));
        if (tile) this.#paint(context, { width, height }, view, key, tile, colors);
        else if (one === level) missing.push(key);
      }
    const asked = missing.map(nameOf).join();
    if (asked === this.#asked) return;
    this.#asked = asked;
    this.#tell({ kind: "tiles", tiles: missing });
  }

  #inView(view: View, level: number): TileKey[] {
    if (level < 0) return [];
    const length = tileSamples(level) / this.#sampleRate;
    const keys: TileKey[] = [];
    for (
      let index = Math.max(0, Math.floor(view.start / length));
      index * length < view.end;
      index += 1
    )
      keys.push({ level, index });
    return keys;
  }

  #paint(
    context: CanvasRenderingContext2D,
    size: { readonly width: number; readonly height: number },
    view: View,
    { level, index }: TileKey,
    tile: Tile,
    colors: SpectrumColors,
  ): void {
    const name = Object.values(colors).join();
    if (tile.picture?.colors !== name)
      tile.picture = { canvas: paintTile(tile.values, colors), colors: name };
    const seconds = (column: number): number =>
      ((index * TILE_COLUMNS + column) * hopOf(level)) / this.#sampleRate;
    const from = shareOf(view, seconds(0)) * size.width;
    const to = shareOf(view, seconds(TILE_COLUMNS)) * size.width;
    context.imageSmoothingEnabled = true;
    context.drawImage(tile.picture.canvas, from, 0, to - from, size.height);
  }

  #keep(key: TileKey, values: Uint8Array<ArrayBuffer>): void {
    this.#tiles.set(nameOf(key), { values, picture: null });
    for (const name of this.#tiles.keys()) {
      if (this.#tiles.size <= MAX_TILES) break;
      this.#tiles.delete(name);
    }
  }

  #fail(): void {
    this.#hasFailed = true;
    this.onChange();
  }

  #tell(message: ToSpectrogram): void {
    this.#worker.postMessage(message);
  }
}

function nameOf({ level, index }: TileKey): string {
  return `${level}:${index}`;
}

function paintTile(values: Uint8Array, colors: SpectrumColors): OffscreenCanvas {
  const canvas = new OffscreenCanvas(TILE_COLUMNS, BANDS);
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  const palette = paletteOf(colors);
  const image = context.createImageData(TILE_COLUMNS, BANDS);
  const pixels = new Uint32Array(image.data.buffer);
  for (let column = 0; column < TILE_COLUMNS; column += 1)
    for (let band = 0; band < BANDS; band += 1)
      pixels[(BANDS - 1 - band) * TILE_COLUMNS + column] =
        palette[values[column * BANDS + band] ?? 0] ?? 0;
  context.putImageData(image, 0, 0);
  return canvas;
}

/** The pixels of 256 values, as the browser mixes the colours. */
function paletteOf({ silence, middle, loud }: SpectrumColors): Uint32Array {
  const canvas = new OffscreenCanvas(256, 1);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return new Uint32Array(256);
  const gradient = context.createLinearGradient(0, 0, 256, 0);
  gradient.addColorStop(0.12, silence);
  gradient.addColorStop(0.68, middle);
  gradient.addColorStop(1, loud);
  context.fillStyle = gradient;
  context.fillRect(0, 0, 256, 1);
  return new Uint32Array(context.getImageData(0, 0, 256, 1).data.buffer);
}
