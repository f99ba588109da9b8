/** Where cuts lie, and what the pointer and the keys mean for them. Positions are samples. */
import type { Schemas } from "../data/api";
import type { View } from "./view";

export type Cut = Schemas["CutState"];
export type CutList = Schemas["CutList"];
export type CutEdit = Schemas["CutsPatch"]["edits"][number];

/** Shortest and longest cut in seconds, as the server takes them. */
export const MIN_CUT = 0.005;
const MAX_CUT = 120;
/** Length in seconds of a cut that is added by a key. */
const ADDED = 0.25;
/** Part of the view that a chosen cut fills at most. */
const MAX_SHARE = 0.6;

export type Edge = "start" | "end";

/** Return the edge of a cut moved to a position, as far as it may go. */
export function movedEdge(cut: Cut, edge: Edge, to: number, list: CutList): number {
  const least = Math.ceil(MIN_CUT * list.sample_rate);
  const most = Math.floor(MAX_CUT * list.sample_rate);
  const [low, high] =
    edge === "start"
      ? [Math.max(0, cut.end - most), cut.end - least]
      : [cut.start + least, Math.min(list.samples, cut.start + most)];
  return Math.round(Math.min(Math.max(to, low), high));
}

/** Return where to split a cut: at a position inside it, otherwise in its middle; null if it is too short. */
export function splitPoint(cut: Cut, at: number | null, list: CutList): number | null {
  const least = Math.ceil(MIN_CUT * list.sample_rate);
  if (cut.end - cut.start < 2 * least) return null;
  const inside = at !== null && at - cut.start >= least && cut.end - at >= least;
  return Math.round(inside ? at : (cut.start + cut.end) / 2);
}

/** Return the cut that a key adds at a position; null at the end of the recording. */
export function addedCut(at: number, list: CutList): { start: number; end: number } | null {
  const start = Math.max(0, Math.round(at));
  const end = Math.min(list.samples, start + Math.round(ADDED * list.sample_rate));
  return end - start < MIN_CUT * list.sample_rate ? null : { start, end };
}

/** Return the range between two positions as a cut; null if it is too short. */
export function drawnCut(
  a: number,
  b: number,
  list: CutList,
): { start: number; end: number } | null {
  const [start, end] = [Math.round(Math.max(0, Math.min(a, b))), Math.round(Math.max(a, b))];
  const last = Math.min(end, list.samples, start + MAX_CUT * list.sample_rate);
  return last - start < MIN_CUT * list.sample_rate ? null : { start, end: last };
}

/** Return the cut at a position; of several the one that starts last. */
export function cutAt(cuts: readonly Cut[], at: number): Cut | null {
  return cuts.findLast((cut) => cut.start <= at && at < cut.end) ?? null;
}

/** Return a view in which a cut is seen whole, with room around it; the same one if it is already. */
export function viewOfCut(view: View, cut: Cut, list: CutList): View {
  const [start, end] = [cut.start / list.sample_rate, cut.end / list.sample_rate];
  const span = view.end - view.start;
  if (start >= view.start && end <= view.end && end - start <= span * MAX_SHARE) return view;
  const wide = Math.max(span, (end - start) / MAX_SHARE);
  const first = (start + end - wide) / 2;
  return { start: first, end: first + wide };
}
