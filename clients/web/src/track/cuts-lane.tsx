/** The waveform of the editor of cuts: cuts are chosen, moved by their edges, split and drawn. */
import { useCallback, useEffect, useRef, useState, type PointerEvent } from "react";
import { useStore } from "../data/store";
import { themeColor } from "../parts/waveform";
import { theme } from "../theme";
import { Canvas, type Draw } from "./canvas";
import {
  cutAt,
  drawnCut,
  movedEdge,
  splitPoint,
  type Cut,
  type CutList,
  type Edge,
} from "./cut-logic";
import { useWaveform } from "./data";
import { drawWaveform } from "./draw";
import { playhead, useFrames } from "./now";
import type { Artifact } from "./song";
import { scroll, secondsAt, shareOf, zoom, type View } from "./view";

/** Pixels within which an edge is held, and a press is a click. */
const EDGE = 7;
const CLICK = 3;

type Drag =
  | { readonly kind: "edge"; readonly cut: Cut; readonly edge: Edge }
  | { readonly kind: "new"; readonly x: number; readonly from: number };

/** What a drag would do: shown, and sent when the pointer is let go. */
interface Draft {
  readonly start: number;
  readonly end: number;
  readonly number: number | null;
}

export interface CutsLaneProps {
  readonly item: string;
  readonly list: CutList;
  readonly peaks: Artifact | null;
  readonly color: string;
  readonly view: View;
  readonly chosen: Cut | null;
  setView(change: (view: View) => View): void;
  onChoose(cut: Cut): void;
  onMove(cut: Cut, edge: Edge, to: number): void;
  onSplit(cut: Cut, at: number): void;
  onAdd(start: number, end: number): void;
}

export function CutsLane(props: CutsLaneProps) {
  const { item, list, peaks, color, view, chosen, setView } = props;
  const { waveform, loaded } = useWaveform(peaks);
  const box = useRef<HTMLDivElement>(null);
  const line = useRef<HTMLSpanElement>(null);
  const drag = useRef<Drag | null>(null);
  const [draft, setDraft] = useState<Draft | null>(null);
  useStore(theme);
  const rate = list.sample_rate;
  const duration = list.samples / rate;

  const draw = useCallback<Draw>(
    (context, size) => {
      if (waveform) drawWaveform(context, size, waveform, view, { color: themeColor(color) });
      const x = (samples: number): number => shareOf(view, samples / rate) * size.width;
      const drawCut = (start: number, end: number, isChosen: boolean): void => {
        if (end / rate < view.start || start / rate > view.end) return;
        context.globalAlpha = isChosen ? 0.28 : 0.12;
        context.fillStyle = themeColor(isChosen ? "accent" : "fg1");
        context.fillRect(x(start), 0, Math.max(size.ratio, x(end) - x(start)), size.height);
        context.globalAlpha = 1;
        context.fillStyle = themeColor(isChosen ? "accent-fg" : "fg2");
        for (const edge of [start, end])
          context.fillRect(x(edge), 0, (isChosen ? 2 : 1) * size.ratio, size.height);
      };
      for (const cut of list.items) {
        const moved = draft?.number === cut.number ? draft : cut;
        drawCut(moved.start, moved.end, cut.number === chosen?.number);
      }
      if (draft?.number === null) drawCut(draft.start, draft.end, true);
    },
    // A waveform grows in place.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [waveform, loaded, view, color, list, chosen, draft, rate],
  );
  useFrames(
    useCallback(() => {
      const at = playhead(item);
      const share = at === null ? -1 : shareOf(view, at);
      line.current?.style.setProperty("--at", `${share * 100}%`);
      line.current?.toggleAttribute("hidden", share < 0 || share > 1);
    }, [item, view]),
  );
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const { left, width } = element.getBoundingClientRect();
      setView((now) => {
        const around = secondsAt(now, (event.clientX - left) / width);
        if (event.ctrlKey || event.metaKey)
          return zoom(now, Math.exp(-event.deltaY * 0.004), around, duration);
        const pixels = event.deltaX || event.deltaY;
        return scroll(now, (pixels / width) * (now.end - now.start), duration);
      });
    };
    // React's own listener may not stop the page from scrolling.
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [setView, duration]);

  const samplesUnder = (event: { clientX: number }): number => {
    const bounds = box.current?.getBoundingClientRect();
    const share = bounds ? (event.clientX - bounds.left) / bounds.width : 0;
    return secondsAt(view, share) * rate;
  };
  const edgeUnder = (event: { clientX: number }): Edge | null => {
    if (!chosen) return null;
    const width = box.current?.clientWidth ?? 1;
    const near = (EDGE / width) * (view.end - view.start) * rate;
    const at = samplesUnder(event);
    if (Math.abs(at - chosen.start) <= near) return "start";
    return Math.abs(at - chosen.end) <= near ? "end" : null;
  };
  const onPointerDown = (event: PointerEvent<HTMLDivElement>): void => {
    if (event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const edge = edgeUnder(event);
    drag.current =
      edge && chosen
        ? { kind: "edge", cut: chosen, edge }
        : { kind: "new", x: event.clientX, from: samplesUnder(event) };
  };
  const onPointerMove = (event: PointerEvent<HTMLDivElement>): void => {
    const held = drag.current;
    if (!held) {
      event.currentTarget.classList.toggle("on-edge", edgeUnder(event) !== null);
      return;
    }
    const at = samplesUnder(event);
    if (held.kind === "edge") {
      const { number, start, end } = held.cut;
      setDraft({ start, end, number, [held.edge]: movedEdge(held.cut, held.edge, at, list) });
    } else if (Math.abs(event.clientX - held.x) >= CLICK) {
      const drawn = drawnCut(held.from, at, list);
      setDraft(drawn && { ...drawn, number: null });
    }
  };
  const onPointerUp = (event: PointerEvent<HTMLDivElement>): void => {
    const held = drag.current;
    drag.current = null;
    setDraft(null);
    if (!held) return;
    if (held.kind === "edge") {
      const to = movedEdge(held.cut, held.edge, samplesUnder(event), list);
      if (to !== held.cut[held.edge]) props.onMove(held.cut, held.edge, to);
    } else if (draft !== null) props.onAdd(draft.start, draft.end);
    else {
      const cut = cutAt(list.items, held.from);
      if (cut) props.onChoose(cut);
    }
  };
  return (
    <div
      ref={box}
      className="cuts-lane"
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerCancel={() => {
        drag.current = null;
        setDraft(null);
      }}
      onDoubleClick={(event) => {
        const cut = cutAt(list.items, samplesUnder(event));
        const at = cut && splitPoint(cut, samplesUnder(event), list);
        if (cut && at != null) props.onSplit(cut, at);
      }}
    >
      <Canvas draw={draw} />
      <span ref={line} className="cuts-playhead" hidden />
    </div>
  );
}
