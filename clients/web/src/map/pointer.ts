/** Pointers on a map: pan, pinch, pick, lasso and strum. */

import { simplified, type Polygon } from "./lasso";
import type { PointIndex } from "./point-index";
import type { Scene } from "./scene";
import { panned, scaleOf, toPosition, zoomed, type Position } from "./view";

export type Tool = "pan" | "lasso" | "strum";

export interface MapGestures {
  /** The tool that is chosen; Shift holds the lasso, Alt the strum. */
  tool(): Tool;
  onHover(point: number): void;
  onPick(point: number): void;
  /** A point that is passed while strumming. */
  onStrum(point: number): void;
  onLasso(polygon: Polygon | null): void;
}

/** How near a pointer must be to a point, in pixels: mouse and finger. */
const NEAR = 10;
const NEAR_TOUCH = 22;
/** A press that moves less, in pixels, is a click. */
const CLICK = 4;
const ZOOM_PER_PIXEL = 0.0016;

interface Drag {
  readonly tool: Tool;
  readonly start: Position;
  last: Position;
  isMoved: boolean;
  readonly line: Position[];
  passed: number;
}

/** Handle the pointers of a canvas; return a function that stops. */
export function listenToPointers(
  canvas: HTMLCanvasElement,
  scene: Scene,
  index: PointIndex,
  on: MapGestures,
): () => void {
  const down = new Map<number, Position>();
  let drag: Drag | null = null;

  const at = (event: MouseEvent): Position => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  const onMap = (pixel: Position): Position => toPosition(scene.view, scene.size, pixel);
  const radius = (pixels: number): number => pixels / scaleOf(scene.view, scene.size);
  const pointAt = (pixel: Position, type: string): number =>
    index.nearest(onMap(pixel), radius(type === "touch" ? NEAR_TOUCH : NEAR));

  const onDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, at(event));
    if (down.size > 1) {
      if (drag?.tool === "lasso") scene.setLasso([], false);
      drag = null;
      return;
    }
    const tool = event.shiftKey ? "lasso" : event.altKey ? "strum" : on.tool();
    const start = at(event);
    drag = { tool, start, last: start, isMoved: false, line: [onMap(start)], passed: -1 };
  };

  const onMove = (event: PointerEvent): void => {
    const now = at(event);
    const before = down.get(event.pointerId);
    if (!before) {
      on.onHover(event.pointerType === "touch" ? -1 : pointAt(now, event.pointerType));
      return;
    }
    down.set(event.pointerId, now);
    if (down.size === 2) pinch(event.pointerId, before, now);
    else if (drag) follow(drag, now, event.pointerType);
  };

  const pinch = (pointer: number, before: Position, now: Position): void => {
    const [, other] = [...down].find(([id]) => id !== pointer) ?? [];
    if (!other) return;
    const length = (p: Position): number =>
      Math.max(1, Math.hypot(p[0] - other[0], p[1] - other[1]));
    const middle: Position = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
    const view = zoomed(scene.view, scene.size, length(now) / length(before), middle);
    scene.setView(panned(view, scene.size, (now[0] - before[0]) / 2, (now[1] - before[1]) / 2));
  };

  const follow = (held: Drag, now: Position, type: string): void => {
    const moved = Math.hypot(now[0] - held.start[0], now[1] - held.start[1]);
    if (!held.isMoved && moved < CLICK) return;
    held.isMoved = true;
    on.onHover(-1);
    if (held.tool === "pan") {
      scene.setView(panned(scene.view, scene.size, now[0] - held.last[0], now[1] - held.last[1]));
    } else if (held.tool === "lasso") {
      held.line.push(onMap(now));
      scene.setLasso(held.line, true);
    } else {
      const reach = radius(type === "touch" ? NEAR_TOUCH : NEAR);
      for (const point of index.along(onMap(held.last), onMap(now), reach)) {
        if (point !== held.passed) on.onStrum(point);
        held.passed = point;
      }
    }
    held.last = now;
  };

  const onUp = (event: PointerEvent): void => {
    down.delete(event.pointerId);
    const held = drag;
    drag = null;
    if (!held) return;
    if (!held.isMoved) {
      const point = pointAt(at(event), event.pointerType);
      if (point >= 0) on.onPick(point);
      else if (held.tool === "lasso") on.onLasso(null);
    } else if (held.tool === "lasso") {
      const polygon = simplified([...held.line, held.line[0] ?? [0, 0]], radius(2)).slice(0, -1);
      on.onLasso(polygon.length > 2 ? polygon : null);
    }
  };

  const onCancel = (event: PointerEvent): void => {
    down.delete(event.pointerId);
    if (drag?.tool === "lasso") on.onLasso(null);
    drag = null;
  };

  const onWheel = (event: WheelEvent): void => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
    const factor = Math.exp(-event.deltaY * lines * ZOOM_PER_PIXEL * (event.ctrlKey ? 6 : 1));
    scene.setView(zoomed(scene.view, scene.size, factor, at(event)));
  };

  const onLeave = (): void => on.onHover(-1);
  canvas.addEventListener("pointerdown", onDown);
  canvas.addEventListener("pointermove", onMove);
  canvas.addEventListener("pointerup", onUp);
  canvas.addEventListener("pointercancel", onCancel);
  canvas.addEventListener("pointerleave", onLeave);
  canvas.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    canvas.removeEventListener("pointerdown", onDown);
    canvas.removeEventListener("pointermove", onMove);
    canvas.removeEventListener("pointerup", onUp);
    canvas.removeEventListener("pointercancel", onCancel);
    canvas.removeEventListener("pointerleave", onLeave);
    canvas.removeEventListener("wheel", onWheel);
  };
}
