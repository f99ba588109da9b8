/** The list of sounds: one tab stop, a grid of rows of which only those in view exist. */

import {
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
  type DragEvent,
  type MouseEvent,
  type Ref,
} from "react";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { AHEAD, prepareSounds, soundOf } from "./audition";
import { waveforms } from "./client";
import { beginDrag, endDrag } from "./dragging";
import { rowId } from "./grid-row";
import { GridView } from "./grid-view";
import { hasRow } from "./selection";
import { songNames } from "./song-names";
import { SortHeader } from "./sorting";
import type { SearchHit } from "./types";
import type { Crate } from "./use-crate";

const ROW_HEIGHT = 32;
const PHONE_ROW_HEIGHT = 60;
const PHONE = "(max-width: 640px)";
/** Moving must rest this long before sounds are prepared, in milliseconds. */
const AHEAD_MS = 80;

export interface GridHandle {
  /** Number of whole rows in view. */
  rowsInView(): number;
  /** Whether the first row is in view. */
  isAtTop(): boolean;
}

export function Grid({
  crate,
  handle,
  onOpen,
}: {
  crate: Crate;
  handle: Ref<GridHandle>;
  /** Called when a row is opened by touch. */
  onOpen: () => void;
}) {
  const viewport = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const view = useRef<GridView | null>(null);
  const isPhone = useMedia(PHONE);
  const names = useStore(songNames.version);
  const { pages, row, selected } = crate;

  useEffect(() => {
    if (!viewport.current || !body.current) return;
    const made = new GridView(viewport.current, body.current, { waveforms });
    view.current = made;
    return () => made.close();
  }, []);

  useEffect(() => {
    view.current?.update({
      pages,
      current: row,
      selected,
      rowHeight: isPhone ? PHONE_ROW_HEIGHT : ROW_HEIGHT,
      sourceOf: (hit) => (hit.song ? songNames.get(hit.song) : ""),
    });
  }, [pages, row, selected, names, isPhone]);

  useImperativeHandle(handle, () => ({
    rowsInView: () => view.current?.rowsInView ?? 1,
    isAtTop: () => view.current?.isAtTop ?? true,
  }));
  useEffect(() => view.current?.reveal(row), [row, pages]);
  usePlayedPart(view, crate.hit);
  usePrepare(crate);

  const onClick = (event: MouseEvent): void => {
    const index = rowAt(event.target);
    if (index === null) return;
    if (closest(event.target, "[data-action=favourite]")) {
      crate.moveTo(index, hasRow(selected, index) ? { extend: false } : {});
      const hit = pages.row(index);
      if (hit)
        crate.edit(
          { favourite: !hit.favourite },
          hit.favourite ? "Favourite removed" : "Favourite",
        );
      return;
    }
    const extend = event.shiftKey;
    const toggle = event.ctrlKey || event.metaKey;
    crate.moveTo(index, { extend, toggle, play: !extend && !toggle });
  };
  const onDragStart = (event: DragEvent): void => {
    const index = rowAt(event.target);
    const hit = index === null ? undefined : pages.row(index);
    if (index === null || !hit) return event.preventDefault();
    const isSelected = hasRow(selected, index);
    const count = isSelected ? crate.targetCount : 1;
    const items = isSelected ? crate.targets : () => Promise.resolve([hit]);
    beginDrag(event.nativeEvent, { hit, count, items });
  };
  return (
    <div
      ref={viewport}
      className={crate.searched.like === null ? "crate-viewport" : "crate-viewport near"}
      role="grid"
      tabIndex={0}
      aria-label="Sounds"
      aria-multiselectable="true"
      aria-rowcount={(pages.total ?? 0) + 1}
      aria-activedescendant={crate.hit ? rowId(row) : undefined}
      aria-busy={crate.isStale}
      onClick={onClick}
      onDoubleClick={(event) => {
        if (rowAt(event.target) !== null) onOpen();
      }}
      onDragStart={onDragStart}
      onDragEnd={endDrag}
    >
      <SortHeader crate={crate} />
      <div ref={body} className="crate-rows" role="rowgroup" />
    </div>
  );
}

/** Draw the played part of the current row frame by frame, by audio time. */
function usePlayedPart(view: { current: GridView | null }, hit: SearchHit | undefined): void {
  const { sound, playing, duration } = useStore(player.state);
  const isPlaying = playing && sound !== null && sound.key === hit?.item.id;
  useEffect(() => {
    if (!isPlaying) return;
    let frame = 0;
    const shown = view.current;
    const draw = (): void => {
      shown?.drawPlayed(duration > 0 ? player.position() / duration : 0);
      frame = requestAnimationFrame(draw);
    };
    draw();
    return () => {
      cancelAnimationFrame(frame);
      shown?.drawPlayed(0);
    };
  }, [view, isPlaying, duration]);
}

/** Prepare the sounds around the current row, the nearest first, when moving has rested. */
function usePrepare({ pages, row, hit: current }: Crate): void {
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      if (!current) return;
      const sounds = [];
      for (let step = 0; step <= AHEAD; step += 1) {
        for (const index of step === 0 ? [row] : [row + step, row - step]) {
          const hit = pages.row(index);
          if (hit) sounds.push(soundOf(hit));
        }
      }
      void prepareSounds(sounds, abort.signal);
    }, AHEAD_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [pages, row, current]);
}

/** Return whether a media query matches. */
export function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const onChange = (): void => setMatches(media.matches);
    onChange();
    media.addEventListener("change", onChange);
    return () => media.removeEventListener("change", onChange);
  }, [query]);
  return matches;
}

function closest(target: EventTarget, selector: string): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>(selector) : null;
}

function rowAt(target: EventTarget): number | null {
  const row = closest(target, "[data-row]")?.dataset["row"];
  return row === undefined ? null : Number(row);
}
