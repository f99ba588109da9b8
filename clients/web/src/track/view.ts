/** The part of the song that the timeline shows, in seconds. */

export interface View {
  readonly start: number;
  readonly end: number;
}

export const MIN_SPAN = 1;

/** Move and shrink a view so that it lies within the song. */
export function clampView({ start, end }: View, duration: number): View {
  const span = Math.min(duration, Math.max(MIN_SPAN, end - start));
  const first = Math.max(0, Math.min(start, duration - span));
  return { start: first, end: first + span };
}

/** Zoom by a factor (above 1 shows less) around a position that stays where it is. */
export function zoom(view: View, factor: number, around: number, duration: number): View {
  const span = Math.min(duration, Math.max(MIN_SPAN, (view.end - view.start) / factor));
  const share = (around - view.start) / (view.end - view.start);
  const start = around - share * span;
  return clampView({ start, end: start + span }, duration);
}

export function scroll(view: View, seconds: number, duration: number): View {
  return clampView({ start: view.start + seconds, end: view.end + seconds }, duration);
}

/** Turn the page when the playhead has left the view, as long as somebody follows it. */
export function follow(view: View, position: number, duration: number): View {
  if (position >= view.start && position < view.end) return view;
  const span = view.end - view.start;
  // Three hundredths of the page are kept before the playhead.
  const start = position - span * 0.03;
  return clampView({ start, end: start + span }, duration);
}

/** Share of the width at which a position lies, 0…1 within the view. */
export function shareOf(view: View, seconds: number): number {
  return (seconds - view.start) / (view.end - view.start);
}

export function secondsAt(view: View, share: number): number {
  return view.start + share * (view.end - view.start);
}
