/** The tray: 16 pads on every screen, played from the keyboard and by MIDI in pad mode. */

import { useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { takesText, useKeys, useTooltip } from "../keys/commands";
import { baseName } from "../parts/format";
import { Icon } from "../parts/icon";
import { auditionItem, itemSound, prepareSounds } from "./audition";
import { exportCollection } from "../export/open";
import { beginFileDrag, CAN_DRAG_OUT } from "./dragging";
import { useDropTarget } from "./drop-target";
import { listenToMidi } from "./midi-pads";
import "./tray.css";
import { SmallWave } from "./small-wave";
import { soundFile } from "./sounds";
import {
  emptyPad,
  lockPad,
  PAD_CAPS,
  PAD_CODES,
  putOnPad,
  trayIdQuery,
  trayQuery,
} from "./tray-data";
import type { TrayPlace } from "./types";

const FOLDED = "cratedig.tray-folded";

export function Tray() {
  const tray = useQuery(trayQuery);
  const trayId = useQuery(trayIdQuery);
  const [isPlayed, setIsPlayed] = useState(false);
  const [isFolded, setIsFolded] = useState(() => localStorage.getItem(FOLDED) === "1");
  const padsTip = useTooltip("pads");
  const places = tray.data;
  const play = useCallback(
    (index: number) => {
      const item = places?.[index]?.item;
      if (item) auditionItem(item);
    },
    [places],
  );
  useKeys({ pads: () => setIsPlayed(!isPlayed) });
  usePadKeys(isPlayed, play);
  useEffect(() => {
    const abort = new AbortController();
    const items = (places ?? []).flatMap((place) => (place.item ? [place.item] : []));
    if (isPlayed) void prepareSounds(items.map(itemSound), abort.signal);
    return () => abort.abort();
  }, [places, isPlayed]);
  if (!places) return null;
  const filled = places.filter((place) => place.item).length;
  const fold = (): void => {
    localStorage.setItem(FOLDED, isFolded ? "0" : "1");
    setIsFolded(!isFolded);
  };
  return (
    <section
      className={`tray${isPlayed ? " played" : ""}${isFolded ? " folded" : ""}`}
      aria-label="Tray"
    >
      <div className="tray-head">
        <button
          type="button"
          className="icon-btn small"
          aria-label={isFolded ? "Show the tray" : "Fold the tray"}
          aria-expanded={!isFolded}
          onClick={fold}
        >
          <Icon name={isFolded ? "up" : "down"} />
        </button>
        <div className="grow">
          <div className="bold ellipsis">Tray</div>
          <div className="t11 fg2 ellipsis tray-note">{filled} of 16</div>
        </div>
        {filled > 0 && trayId.data !== undefined && (
          <button
            type="button"
            className="icon-btn small tray-export"
            aria-label="Export the tray"
            title="Export the tray"
            onClick={() => exportCollection({ id: trayId.data, name: "Tray" })}
          >
            <Icon name="download" />
          </button>
        )}
        <button
          type="button"
          className={isPlayed ? "btn small on" : "btn small"}
          aria-pressed={isPlayed}
          title={padsTip}
          onClick={() => setIsPlayed(!isPlayed)}
        >
          Pads
        </button>
      </div>
      {!isFolded && (
        <div className="tray-pads">
          {places.map((place, index) => (
            <Pad key={place.place} place={place} index={index} />
          ))}
        </div>
      )}
    </section>
  );
}

/** Play pads from the keyboard and by MIDI while pad mode is on; Escape ends it. */
function usePadKeys(isPlayed: boolean, play: (index: number) => void): void {
  useEffect(() => {
    if (!isPlayed) return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || takesText(document.activeElement))
        return;
      // By position, so that the pads are a block of four by four on every layout.
      const index = PAD_CODES.indexOf(event.code);
      if (index < 0) return;
      event.preventDefault();
      if (!event.repeat) play(index);
    };
    window.addEventListener("keydown", onKey, { capture: true });
    const stop = listenToMidi(play);
    return () => {
      window.removeEventListener("keydown", onKey, { capture: true });
      stop();
    };
  }, [isPlayed, play]);
}

function Pad({ place, index }: { place: TrayPlace; index: number }) {
  const { item } = place;
  const cap = PAD_CAPS[index] ?? "";
  const { sound, playing } = useStore(player.state);
  const isLit = playing && item != null && sound?.key === item.id;
  const target = useDropTarget((hits) => {
    const [first] = hits;
    if (first) void putOnPad(place.place, first.item);
  });
  const names = [
    item ? "pad" : "pad empty",
    isLit && "lit",
    target.isOver && "over",
    place.locked && "locked",
  ];
  return (
    <button
      type="button"
      className={names.filter(Boolean).join(" ")}
      title={item ? `${baseName(item.name)}. Delete empties the pad, L locks it.` : undefined}
      onClick={() => item && auditionItem(item)}
      draggable={item != null && CAN_DRAG_OUT}
      // A drag needs the file's address at once, so it is asked for before.
      onPointerEnter={() => item && CAN_DRAG_OUT && void soundFile(item.id).catch(() => undefined)}
      onDragStart={(event) => item && beginFileDrag(event.dataTransfer, item)}
      onKeyDown={(event) => {
        if (event.key === "Delete" || event.key === "Backspace") {
          if (item && !place.locked) void emptyPad(place);
        } else if (event.key.toLowerCase() === "l" && !event.ctrlKey) {
          if (item) void lockPad(place, !place.locked);
        } else return;
        event.preventDefault();
        event.stopPropagation();
      }}
      {...target.handlers}
    >
      {item && <span className="ellipsis pad-name">{baseName(item.name)}</span>}
      <span className="sr-only">{item ? " on pad " : "Empty pad "}</span>
      {item && <SmallWave item={item.id} />}
      <kbd>{place.locked ? `${cap} locked` : cap}</kbd>
    </button>
  );
}
