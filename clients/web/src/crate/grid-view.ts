/**
 * The list of sounds, drawn without React: a hundred thousand rows scroll within the few
 * milliseconds of a frame because a small pool of rows is moved and rewritten in place.
 */

import { readPalette, type Palette } from "./drawing";
import { GridRow, type WaveSize } from "./grid-row";
import type { ResultPages } from "./result-pages";
import { hasRow, type RowRanges } from "./selection";
import type { SearchHit } from "./types";
import type { Waveforms } from "./waveforms";
import { Windowing, type RowWindow } from "./windowing";

/** Rows that are drawn above and below those in view. */
const SPARE = 6;
/** Rows on either side whose waveforms are read ahead. */
const AHEAD = 40;
const SETTLE_MS = 150;

export interface GridState {
  readonly pages: ResultPages;
  /** Position of the current row, or -1. */
  readonly current: number;
  readonly selected: RowRanges;
  readonly rowHeight: number;
  /** Returns the name of the song that a sound was cut from, empty if it is not known. */
  readonly sourceOf: (hit: SearchHit) => string;
}

export interface GridSource {
  readonly waveforms: Waveforms;
}

export class GridView {
  readonly #viewport: HTMLElement;
  readonly #body: HTMLElement;
  readonly #source: GridSource;
  readonly #windowing = new Windowing();
  readonly #rows = new Map<number, GridRow>();
  readonly #spare: GridRow[] = [];
  readonly #cleanups: (() => void)[] = [];
  #stopPages: (() => void) | null = null;
  #state: GridState | null = null;
  #palette: Palette = readPalette();
  #waveSize: WaveSize = { width: 0, height: 0 };
  #frame = 0;
  /** Whether more than the scroll position has changed since rows were drawn. */
  #isChanged = true;
  #settleTimer = 0;
  #header = 0;
  #drawn: RowWindow = { first: 0, end: 0 };

  /**
   * @param viewport The element that scrolls; its first child is the header, if it has one.
   * @param body The element that holds the rows.
   */
  constructor(viewport: HTMLElement, body: HTMLElement, source: GridSource) {
    this.#viewport = viewport;
    this.#body = body;
    this.#source = source;
    const onScroll = (): void => this.#scrolled();
    viewport.addEventListener("scroll", onScroll, { passive: true });
    const sizes = new ResizeObserver(() => this.#measure());
    sizes.observe(viewport);
    const themes = new MutationObserver(() => {
      this.#palette = readPalette();
      this.draw();
    });
    themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.#cleanups.push(
      () => viewport.removeEventListener("scroll", onScroll),
      () => sizes.disconnect(),
      () => themes.disconnect(),
      source.waveforms.subscribe(() => this.draw()),
    );
  }

  /** Number of whole rows that fit into view. */
  get rowsInView(): number {
    return this.#windowing.rowsInView;
  }

  /** Whether the first row is in view. */
  get isAtTop(): boolean {
    return this.#windowing.offset < this.#windowing.rowHeight;
  }

  /** Show another state. */
  update(state: GridState): void {
    const isOther = this.#state?.pages !== state.pages;
    this.#state = state;
    if (isOther) {
      this.#stopPages?.();
      this.#stopPages = state.pages.subscribe((change) => {
        if (change === "results") this.#resize();
        this.draw();
      });
      this.#measure();
    } else this.#resize();
    this.draw();
  }

  /** Scroll as little as shows a row whole. */
  reveal(row: number): void {
    this.#viewport.scrollTop = this.#windowing.reveal(row);
    this.draw();
  }

  /** Scroll so that a row stands in the middle. */
  centre(row: number): void {
    this.#viewport.scrollTop = this.#windowing.centre(row);
    this.draw();
  }

  /** Draw the waveform of the current row with the share that has been played, 0 to 1. */
  drawPlayed(played: number): void {
    if (this.#state) this.#rows.get(this.#state.current)?.draw(played);
  }

  /** Draw everything in the next frame. */
  draw(): void {
    this.#isChanged = true;
    this.#request();
  }

  #request(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  /** Remove the rows and stop listening. */
  close(): void {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#settleTimer);
    this.#stopPages?.();
    for (const cleanUp of this.#cleanups) cleanUp();
    this.#body.replaceChildren();
  }

  #scrolled(): void {
    this.#windowing.scrolled(this.#viewport.scrollTop);
    // Rows of a list that is scaled down are moved with every pixel.
    if (this.#windowing.isScaled) this.#isChanged = true;
    this.#request();
    clearTimeout(this.#settleTimer);
    this.#settleTimer = window.setTimeout(() => {
      const top = this.#windowing.settle();
      if (Math.abs(top - this.#viewport.scrollTop) >= 1) this.#viewport.scrollTop = top;
    }, SETTLE_MS);
  }

  #measure(): void {
    const header = this.#viewport.querySelector<HTMLElement>("[data-grid-header]");
    this.#header = header?.offsetHeight ?? 0;
    this.#resize();
    this.#waveSize = { width: 0, height: 0 };
    this.draw();
  }

  #resize(): void {
    if (!this.#state) return;
    const { pages, rowHeight } = this.#state;
    const height = Math.max(0, this.#viewport.clientHeight - this.#header);
    this.#windowing.resize(pages.total ?? 0, rowHeight, height);
    const shown = `${this.#windowing.height}px`;
    if (this.#body.style.height !== shown) this.#body.style.height = shown;
  }

  #drawNow(): void {
    if (!this.#state) return;
    const { pages } = this.#state;
    const { first, end } = this.#windowing.rows(SPARE);
    const isMoved = first !== this.#drawn.first || end !== this.#drawn.end;
    if (!isMoved && !this.#isChanged) return;
    const isChanged = this.#isChanged;
    this.#isChanged = false;
    this.#drawn = { first, end };
    pages.want(first, end);
    for (const [index, row] of this.#rows) {
      if (index >= first && index < end) continue;
      this.#rows.delete(index);
      this.#spare.push(row);
    }
    for (let index = first; index < end; index += 1) {
      if (isChanged || !this.#rows.has(index)) this.#drawRow(index, this.#state);
    }
    for (const row of this.#spare.splice(0)) row.element.remove();
    if (this.#waveSize.width === 0 && this.#rows.size > 0) this.#measureWave(first, end);
    this.#wantWaveforms(first, end);
  }

  #drawRow(index: number, { pages, current, selected, sourceOf }: GridState): void {
    let row = this.#rows.get(index);
    if (!row) {
      row = this.#spare.pop() ?? new GridRow();
      this.#rows.set(index, row);
    }
    if (!row.element.isConnected) this.#body.append(row.element);
    const hit = pages.row(index);
    const state = {
      index,
      hit,
      source: hit ? sourceOf(hit) : "",
      current: index === current,
      selected: hasRow(selected, index),
      waveform: hit ? this.#source.waveforms.get(hit.item.id) : undefined,
    };
    row.show(state, this.#windowing.position(index), this.#waveSize, this.#palette);
  }

  /** Measure the waveform's cell once for all rows, because to measure each costs a layout. */
  #measureWave(first: number, end: number): void {
    const canvas = this.#body.querySelector("canvas");
    if (!canvas || !this.#state) return;
    this.#waveSize = { width: canvas.clientWidth, height: canvas.clientHeight };
    if (this.#waveSize.width === 0) return;
    for (let index = first; index < end; index += 1) this.#drawRow(index, this.#state);
  }

  #wantWaveforms(first: number, end: number): void {
    if (!this.#state) return;
    const items: string[] = [];
    const add = (index: number): void => {
      const hit = this.#state?.pages.row(index);
      if (hit) items.push(hit.item.id);
    };
    for (let index = first; index < end; index += 1) add(index);
    for (let step = 0; step < AHEAD; step += 1) {
      add(end + step);
      add(first - 1 - step);
    }
    this.#source.waveforms.want(items);
  }
}
