/** The picture of a map: points, labels, lasso and the current sound, moved without React. */

import type { MapPoints } from "./points";
import type { PointIndex } from "./point-index";
import { PointRenderer, type PointStyle } from "./renderer";
import type { Polygon } from "./lasso";
import { between, toPixels, type Position, type Size, type View } from "./view";

/** How long a movement to another view takes, in milliseconds. */
const MOVE_MS = 240;

export interface SceneLabel {
  readonly element: HTMLElement;
  readonly at: Position;
}

export interface SceneElements {
  readonly canvas: HTMLCanvasElement;
  readonly lasso: SVGPathElement;
  readonly current: SVGElement;
  readonly tip: HTMLElement;
}

export class Scene {
  /** Whether the browser can draw points. */
  readonly hasWebGL: boolean;
  view: View;
  readonly #elements: SceneElements;
  readonly #index: PointIndex;
  readonly #onMove: (view: View) => void;
  readonly #sizes: ResizeObserver;
  #renderer: PointRenderer | null;
  #style: PointStyle = { colours: [], other: [0.5, 0.5, 0.5], alpha: 0.4 };
  #labels: readonly SceneLabel[] = [];
  #chosen: ArrayLike<number> = [];
  #polygon: Polygon = [];
  #isOpen = false;
  #current = -1;
  #hovered = -1;
  #size: Size = { width: 0, height: 0 };
  #frame = 0;
  #movement = 0;

  /** @param onMove is called after each change of the view. */
  constructor(
    elements: SceneElements,
    index: PointIndex,
    view: View,
    onMove: (view: View) => void,
  ) {
    this.#elements = elements;
    this.#index = index;
    this.view = view;
    this.#onMove = onMove;
    this.#renderer = PointRenderer.create(elements.canvas, index.points);
    this.hasWebGL = this.#renderer !== null;
    this.#sizes = new ResizeObserver(() => this.#measure());
    this.#sizes.observe(elements.canvas);
    elements.canvas.addEventListener("webglcontextlost", this.#lost);
    elements.canvas.addEventListener("webglcontextrestored", this.#restored);
    this.#measure();
  }

  get size(): Size {
    return this.#size;
  }

  get points(): MapPoints {
    return this.#index.points;
  }

  setStyle(style: PointStyle): void {
    this.#style = style;
    this.draw();
  }

  setLabels(labels: readonly SceneLabel[]): void {
    this.#labels = labels;
    this.draw();
  }

  /** Mark the points that are chosen. */
  setChosen(chosen: ArrayLike<number>): void {
    this.#chosen = chosen;
    this.#renderer?.setChosen(chosen);
    this.draw();
  }

  /** Show a lasso; `isOpen` while it is being drawn. */
  setLasso(polygon: Polygon, isOpen: boolean): void {
    this.#polygon = polygon;
    this.#isOpen = isOpen;
    this.draw();
  }

  setCurrent(point: number): void {
    this.#current = point;
    this.draw();
  }

  setHovered(point: number): void {
    this.#hovered = point;
    this.draw();
  }

  /** Show another view at once. */
  setView(view: View): void {
    cancelAnimationFrame(this.#movement);
    this.view = view;
    this.#onMove(view);
    this.draw();
  }

  /** Move to another view; at once for those who want no motion. */
  moveTo(view: View): void {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.setView(view);
    const from = this.view;
    const start = performance.now();
    const step = (now: number): void => {
      const share = Math.min(1, (now - start) / MOVE_MS);
      this.setView(between(from, view, 1 - (1 - share) ** 3));
      if (share < 1) this.#movement = requestAnimationFrame(step);
    };
    cancelAnimationFrame(this.#movement);
    this.#movement = requestAnimationFrame(step);
  }

  /** Bring a point that is out of view into the middle. */
  reveal(point: number): void {
    const [x, y] = toPixels(this.view, this.#size, this.#index.position(point));
    const edge = 24;
    const { width, height } = this.#size;
    if (x > edge && y > edge && x < width - edge && y < height - edge) return;
    const [px, py] = this.#index.position(point);
    this.moveTo({ ...this.view, x: px, y: py });
  }

  /** Draw in the next frame. */
  draw(): void {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#drawNow();
    });
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
    cancelAnimationFrame(this.#movement);
    this.#sizes.disconnect();
    this.#elements.canvas.removeEventListener("webglcontextlost", this.#lost);
    this.#elements.canvas.removeEventListener("webglcontextrestored", this.#restored);
    this.#renderer?.close();
  }

  readonly #lost = (event: Event): void => {
    // Without this the browser would not restore it.
    event.preventDefault();
    this.#renderer = null;
  };

  readonly #restored = (): void => {
    this.#renderer = PointRenderer.create(this.#elements.canvas, this.#index.points);
    this.setChosen(this.#chosen);
  };

  #measure(): void {
    const { canvas } = this.#elements;
    this.#size = { width: canvas.clientWidth, height: canvas.clientHeight };
    const ratio = Math.max(1, devicePixelRatio);
    canvas.width = Math.round(this.#size.width * ratio);
    canvas.height = Math.round(this.#size.height * ratio);
    this.draw();
  }

  #drawNow(): void {
    const { lasso, current, tip } = this.#elements;
    this.#renderer?.draw(this.view, this.#size, Math.max(1, devicePixelRatio), this.#style);
    for (const { element, at } of this.#labels) this.#place(element, at);
    const corners = this.#polygon.map((position) =>
      toPixels(this.view, this.#size, position).map((value) => value.toFixed(1)),
    );
    const path = corners.map(([x, y]) => `${x} ${y}`).join("L");
    lasso.setAttribute("d", path === "" ? "" : `M${path}${this.#isOpen ? "" : "Z"}`);
    current.toggleAttribute("hidden", this.#current < 0);
    if (this.#current >= 0) this.#place(current, this.#index.position(this.#current));
    tip.hidden = this.#hovered < 0;
    if (this.#hovered >= 0) this.#place(tip, this.#index.position(this.#hovered));
  }

  #place(element: HTMLElement | SVGElement, position: Position): void {
    const [x, y] = toPixels(this.view, this.#size, position);
    element.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
  }
}
