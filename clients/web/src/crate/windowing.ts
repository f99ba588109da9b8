/**
 * Which rows of a long list are in view, and where they stand.
 *
 * Browsers cap the height of an element (Firefox at 17.9 million pixels), so a list that would be
 * higher scrolls over a lower element: its scrollbar is still true, small movements stay exact to
 * the pixel, and large ones jump in proportion.
 */

/** Greatest height of the scrolled element in pixels. */
export const MAX_HEIGHT = 15_000_000;

export interface RowWindow {
  /** Position of the first row to draw. */
  readonly first: number;
  /** Position after the last row to draw. */
  readonly end: number;
}

export class Windowing {
  #rows = 0;
  #rowHeight = 32;
  #viewport = 0;
  #scrollTop = 0;
  #offset = 0;

  /** Height of the scrolled element in pixels. */
  get height(): number {
    return Math.min(this.#fullHeight, MAX_HEIGHT);
  }

  /** Whether the scrolled element is lower than all rows together are high. */
  get isScaled(): boolean {
    return this.#fullHeight > MAX_HEIGHT;
  }

  /** Distance in pixels from the list's top to the top of what is in view, if it had its height. */
  get offset(): number {
    return this.#offset;
  }

  /** The scroll position that shows the current offset. */
  get scrollTop(): number {
    return this.#scrollTop;
  }

  /** Height of a row in pixels. */
  get rowHeight(): number {
    return this.#rowHeight;
  }

  /** Number of whole rows that fit into view, at least 1. */
  get rowsInView(): number {
    return Math.max(1, Math.floor(this.#viewport / this.#rowHeight));
  }

  /** Set the number of rows and the sizes in pixels; the first row in view stays. */
  resize(rows: number, rowHeight: number, viewport: number): void {
    const row = this.#offset / this.#rowHeight;
    this.#rows = rows;
    this.#rowHeight = rowHeight;
    this.#viewport = viewport;
    this.#moveTo(row * rowHeight);
  }

  /** Take over the scroll position that the browser reports. */
  scrolled(scrollTop: number): void {
    const moved = scrollTop - this.#scrollTop;
    const isJump = Math.abs(moved) > this.#viewport;
    const atEnd = scrollTop <= 0 || scrollTop >= this.#maxScroll;
    const offset = isJump || atEnd ? scrollTop * this.#ratio : this.#offset + moved;
    this.#scrollTop = scrollTop;
    this.#offset = clamp(offset, 0, this.#maxOffset);
  }

  /** Return the scroll position that fits the offset best, for when scrolling has stopped. */
  settle(): number {
    this.#moveTo(this.#offset);
    return this.#scrollTop;
  }

  /** Scroll as little as shows a row whole; return the scroll position. */
  reveal(row: number): number {
    const top = row * this.#rowHeight;
    const bottom = top + this.#rowHeight;
    if (top < this.#offset) this.#moveTo(top);
    else if (bottom > this.#offset + this.#viewport) this.#moveTo(bottom - this.#viewport);
    return this.#scrollTop;
  }

  /** Scroll so that a row stands in the middle; return the scroll position. */
  centre(row: number): number {
    this.#moveTo((row + 0.5) * this.#rowHeight - this.#viewport / 2);
    return this.#scrollTop;
  }

  /** Return the rows in view, and `spare` more on either side. */
  rows(spare = 0): RowWindow {
    const first = Math.floor(this.#offset / this.#rowHeight) - spare;
    const end = Math.ceil((this.#offset + this.#viewport) / this.#rowHeight) + spare;
    return { first: clamp(first, 0, this.#rows), end: clamp(end, 0, this.#rows) };
  }

  /** Return where a row stands in the scrolled element, in pixels from its top. */
  position(row: number): number {
    return row * this.#rowHeight - this.#offset + this.#scrollTop;
  }

  get #fullHeight(): number {
    return this.#rows * this.#rowHeight;
  }

  get #maxOffset(): number {
    return Math.max(0, this.#fullHeight - this.#viewport);
  }

  get #maxScroll(): number {
    return Math.max(0, this.height - this.#viewport);
  }

  get #ratio(): number {
    return this.#maxScroll === 0 ? 1 : this.#maxOffset / this.#maxScroll;
  }

  #moveTo(offset: number): void {
    this.#offset = clamp(offset, 0, this.#maxOffset);
    this.#scrollTop = this.#offset / this.#ratio;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
