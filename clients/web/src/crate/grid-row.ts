/** One row of the list as elements that are made once and shown for one sound after another. */

import { formatLength, formatTempo, baseName } from "../parts/format";
import { shareText } from "./dials";
import { drawLine, drawMini, sizeCanvas, type Palette } from "./drawing";
import { keyText } from "./musical-keys";
import {
  className,
  confidenceText,
  factsLine,
  isConfirmed,
  isDoubtful,
  nameWithoutSong,
  rowWords,
} from "./texts";
import type { SearchHit } from "./types";
import type { MiniWaveform } from "./waveforms";

/** What a row shows; a row whose state has not changed is left as it is. */
export interface RowState {
  readonly index: number;
  /** Undefined until it has been read. */
  readonly hit: SearchHit | undefined;
  readonly source: string;
  readonly current: boolean;
  readonly selected: boolean;
  readonly waveform: MiniWaveform | null | undefined;
}

export interface WaveSize {
  readonly width: number;
  readonly height: number;
}

const SVG = "http://www.w3.org/2000/svg";
const PLAY = "M4.5 2.8v10.4L13 8z";
const STAR = "m8 2.3 1.7 3.7 4 .5-3 2.7.8 4L8 11.2l-3.5 2 .8-4-3-2.7 4-.5z";

export class GridRow {
  readonly element = cell("div", "crate-row", "row");
  readonly #play = cell("span", "cell-play", "gridcell");
  readonly #name = cell("span", "cell-name ellipsis", "gridcell");
  readonly #facts = cell("span", "cell-facts ellipsis");
  readonly #wave = cell("span", "cell-wave", "gridcell");
  readonly #canvas = document.createElement("canvas");
  readonly #class = cell("span", "cell-class", "gridcell");
  readonly #dot = cell("i", "dot");
  readonly #className = cell("span", "ellipsis");
  readonly #key = cell("span", "cell-key", "gridcell");
  readonly #bpm = cell("span", "cell-bpm num", "gridcell");
  readonly #length = cell("span", "cell-length num", "gridcell");
  readonly #distance = cell("span", "cell-distance num", "gridcell");
  readonly #source = cell("span", "cell-source ellipsis", "gridcell");
  readonly #starCell = cell("span", "cell-star", "gridcell");
  readonly #star = document.createElement("button");
  #state: RowState | null = null;
  #size: WaveSize = { width: 0, height: 0 };
  #palette: Palette | null = null;
  #top = -1;

  constructor() {
    this.#play.append(icon(PLAY, true));
    this.#canvas.setAttribute("aria-hidden", "true");
    this.#wave.append(this.#canvas);
    this.#wave.setAttribute("aria-label", "Waveform");
    this.#class.append(this.#dot, this.#className);
    this.#star.type = "button";
    this.#star.tabIndex = -1;
    this.#star.dataset["action"] = "favourite";
    this.#star.append(icon(STAR, false));
    this.#starCell.append(this.#star);
    this.element.draggable = true;
    const cells = [this.#play, this.#name, this.#facts, this.#wave, this.#class, this.#key];
    this.element.append(...cells, this.#bpm, this.#length, this.#distance);
    this.element.append(this.#source, this.#starCell);
  }

  /** The position that is shown. */
  get index(): number {
    return this.#state?.index ?? -1;
  }

  /** Show a sound; `top` is where the row stands, in pixels. */
  show(state: RowState, top: number, size: WaveSize, palette: Palette): void {
    if (top !== this.#top) {
      this.#top = top;
      this.element.style.transform = `translateY(${top}px)`;
    }
    const before = this.#state;
    const isSame =
      before !== null &&
      before.hit === state.hit &&
      before.index === state.index &&
      before.source === state.source;
    if (!isSame) this.#write(state);
    if (!isSame || before.current !== state.current || before.selected !== state.selected) {
      this.element.classList.toggle("current", state.current);
      this.element.classList.toggle("selected", state.selected);
      this.element.setAttribute("aria-selected", String(state.selected || state.current));
    }
    const isDrawn =
      before !== null &&
      before.waveform === state.waveform &&
      (before.hit === undefined) === (state.hit === undefined) &&
      before.current === state.current &&
      size.width === this.#size.width &&
      size.height === this.#size.height &&
      palette === this.#palette;
    this.#state = state;
    this.#size = size;
    this.#palette = palette;
    if (!isDrawn) this.draw(0);
  }

  /** Draw the waveform; `played` is the share that has been played, 0 to 1. */
  draw(played: number): void {
    if (!this.#state || !this.#palette) return;
    const { waveform, current, hit } = this.#state;
    sizeCanvas(this.#canvas, this.#size.width, this.#size.height);
    if (waveform) {
      const palette = this.#palette;
      const colour = current ? palette.current : palette.wave;
      drawMini(this.#canvas, waveform, { palette, colour, played });
    } else {
      drawLine(this.#canvas, hit && waveform === null ? this.#palette.wave : this.#palette.line);
    }
  }

  #write({ index, hit, source }: RowState): void {
    const row = this.element;
    row.id = rowId(index);
    row.dataset["row"] = String(index);
    row.setAttribute("aria-rowindex", String(index + 2));
    row.classList.toggle("loading", !hit);
    if (!hit) {
      row.setAttribute("aria-label", `Sound ${index + 1}, loading`);
      // While the list is dragged along, rows without a sound follow rows without one.
      if (this.#state && !this.#state.hit) return;
      for (const each of [this.#name, this.#facts, this.#className, this.#key]) text(each, "");
      for (const each of [this.#bpm, this.#length, this.#distance, this.#source]) text(each, "");
      this.#dot.className = "dot hidden";
      this.#star.hidden = true;
      return;
    }
    row.setAttribute("aria-label", rowWords(hit, source));
    text(this.#name, nameWithoutSong(baseName(hit.item.name), source));
    text(this.#facts, factsLine(hit));
    text(this.#key, hit.camelot ? keyText(hit.camelot) : "");
    text(this.#bpm, hit.bpm ? formatTempo(hit.bpm) : "");
    text(this.#length, hit.item.audio ? formatLength(hit.item.audio.duration) : "");
    text(this.#distance, hit.distance == null ? "" : shareText(Math.max(0, 1 - hit.distance)));
    text(this.#source, source);
    this.#writeClass(hit);
    this.#star.hidden = false;
    this.#star.classList.toggle("on", hit.favourite);
    this.#star.setAttribute("aria-label", "Favourite");
    this.#star.setAttribute("aria-pressed", String(hit.favourite));
  }

  #writeClass(hit: SearchHit): void {
    const { sound_class: value, class_confidence: confidence } = hit;
    text(this.#className, value ? className(value) : "");
    this.#className.classList.toggle("doubtful", isDoubtful(hit));
    const isProposal = !isConfirmed(hit);
    this.#dot.className = value ? (isProposal ? "dot proposal" : "dot") : "dot hidden";
    this.#dot.title = !value
      ? ""
      : isProposal && confidence != null
        ? `Proposed, ${confidenceText(confidence)}`
        : "Confirmed by you";
  }
}

/** Return the id of a row's element. */
export function rowId(index: number): string {
  return `crate-row-${index}`;
}

function cell(tag: string, names: string, role?: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = names;
  if (role) element.setAttribute("role", role);
  return element;
}

function text(element: HTMLElement, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

function icon(path: string, filled: boolean): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", filled ? "icon filled" : "icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}
