/** New sounds: the counts follow at once, the list where its reader cannot lose the place. */

import { useEffect, useRef, useState } from "react";
import { queries } from "../data/cache";
import { onLiveEvent } from "../data/events";
import type { LiveEvent } from "../data/live-feed";
import type { ResultPages } from "./result-pages";
import type { Crate } from "./use-crate";

/** News are gathered for this long, in milliseconds. */
const GATHER_MS = 2000;

/** Return whether the list lacks sounds that have come; `isAtTop` tells whether it may move. */
export function useNews(crate: Crate, isAtTop: () => boolean): boolean {
  /** The answer that was shown when sounds came. */
  const [outdated, setOutdated] = useState<unknown>(null);
  const latest = useRef({ crate, isAtTop });
  useEffect(() => {
    latest.current = { crate, isAtTop };
  });
  useEffect(() => {
    let timer = 0;
    const stop = onLiveEvent((event) => {
      // Collections and the tray hold hidden items, and do not show them.
      if (["collection.changed", "item.hidden", "item.restored"].includes(event.type)) {
        void queries.invalidateQueries({ queryKey: ["collections"] });
        void queries.invalidateQueries({ queryKey: ["tray"] });
      }
      if (!changesList(event, latest.current.crate.pages)) return;
      timer ||= window.setTimeout(() => {
        timer = 0;
        const { crate: now, isAtTop: atTop } = latest.current;
        void queries.invalidateQueries({ queryKey: ["crate"] });
        if (now.selected.length === 0 && atTop()) now.pages.refresh();
        else setOutdated(now.pages.answer);
      }, GATHER_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, []);
  return outdated !== null && outdated === crate.pages.answer;
}

/** Return whether an event adds sounds to the list, takes some away, or tells their classes. */
function changesList({ type, item, data }: LiveEvent, pages: ResultPages): boolean {
  if (type === "item.added") return data["kind"] !== "track";
  // An upload is found once it is ready; a change of a row that is shown is shown already.
  if (type === "item.changed") return item !== null && pages.positionOf(item) === undefined;
  if (type === "item.hidden" || type === "item.restored") return true;
  return type === "item.deleted" || (type === "job.succeeded" && data["task"] === "tagging");
}
