/** What the pointer does on the timeline: seek, loop, zoom and scroll. */
import { useEffect, useRef, type PointerEvent, type RefObject } from "react";
import type { Range, TrackController } from "./controller";
import { scroll, secondsAt, zoom, type View } from "./view";

/** Pixels within which a press is a click, and an edge of the loop is held. */
const CLICK = 3;
const EDGE = 6;

/** Seconds under the pointer. */
function secondsUnder(event: PointerEvent<HTMLElement>, view: View): number {
  const box = event.currentTarget.getBoundingClientRect();
  return secondsAt(view, (event.clientX - box.left) / box.width);
}

/** Click on a lane to jump there. */
export function useSeekOnClick(track: TrackController) {
  const pressed = useRef<number | null>(null);
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>): void => {
      pressed.current = event.button === 0 ? event.clientX : null;
    },
    onPointerUp: (event: PointerEvent<HTMLElement>): void => {
      const from = pressed.current;
      pressed.current = null;
      if (from === null || Math.abs(event.clientX - from) >= CLICK) return;
      track.seek(secondsUnder(event, track.view));
    },
  };
}

type Drag =
  | { readonly kind: "new"; readonly x: number; readonly from: number }
  | { readonly kind: "edge"; readonly x: number; readonly fixed: number }
  | { readonly kind: "body"; readonly x: number; readonly from: number; readonly loop: Range };

/** The ruler: drag for a loop, drag its ends or the whole, click to jump; Alt for no snap. */
export function useRulerDrag(track: TrackController) {
  const drag = useRef<Drag | null>(null);
  const { view, grid, loop } = track;
  const snapped = (seconds: number, event: PointerEvent<HTMLElement>): number => {
    const at = event.altKey ? seconds : grid.snap(seconds);
    return Math.max(0, Math.min(at, track.duration));
  };
  return {
    onPointerDown: (event: PointerEvent<HTMLElement>): void => {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      const x = event.clientX;
      const from = secondsUnder(event, view);
      const near = (EDGE / event.currentTarget.clientWidth) * (view.end - view.start);
      if (loop && Math.abs(from - loop.start) < near)
        drag.current = { kind: "edge", x, fixed: loop.end };
      else if (loop && Math.abs(from - loop.end) < near)
        drag.current = { kind: "edge", x, fixed: loop.start };
      else if (loop && from > loop.start && from < loop.end)
        drag.current = { kind: "body", x, from, loop };
      else drag.current = { kind: "new", x, from: snapped(from, event) };
    },
    onPointerMove: (event: PointerEvent<HTMLElement>): void => {
      const held = drag.current;
      if (!held || Math.abs(event.clientX - held.x) < CLICK) return;
      const at = secondsUnder(event, view);
      if (held.kind === "body") {
        const start = snapped(held.loop.start + at - held.from, event);
        track.setLoop({ start, end: start + held.loop.end - held.loop.start });
        return;
      }
      const fixed = held.kind === "edge" ? held.fixed : held.from;
      const other = snapped(at, event);
      if (Math.abs(other - fixed) > 0.05)
        track.setLoop({ start: Math.min(fixed, other), end: Math.max(fixed, other) });
    },
    onPointerUp: (event: PointerEvent<HTMLElement>): void => {
      const held = drag.current;
      drag.current = null;
      if (held && Math.abs(event.clientX - held.x) < CLICK) track.seek(secondsUnder(event, view));
    },
    onPointerCancel: (): void => {
      drag.current = null;
    },
  };
}

/** Ctrl and wheel zoom at the pointer; Shift and wheel, or a sideways wheel, scroll. */
export function useWheel(lanes: RefObject<HTMLElement | null>, track: TrackController): void {
  const { setView, duration } = track;
  useEffect(() => {
    const element = lanes.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (!event.ctrlKey && !event.metaKey && sideways === 0) return;
      event.preventDefault();
      const lane = element.querySelector(".ruler")?.getBoundingClientRect();
      if (!lane) return;
      setView((view) => {
        const share = (event.clientX - lane.left) / lane.width;
        if (event.ctrlKey || event.metaKey)
          return zoom(view, Math.exp(-event.deltaY * 0.004), secondsAt(view, share), duration);
        return scroll(view, (sideways / lane.width) * (view.end - view.start), duration);
      });
    };
    // React's own listener may not stop the page from zooming.
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [lanes, setView, duration]);
}
