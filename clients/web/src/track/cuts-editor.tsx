/** The editor of cuts: those of a song or of one of its stems, by pointer and by key. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useRef, useState } from "react";
import { setQuery, useAddress } from "../address";
import { player } from "../audio/player";
import type { Schemas } from "../data/api";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { useKeys } from "../keys/commands";
import { formatLength, plural } from "../parts/format";
import { Icon } from "../parts/icon";
import { Segmented } from "../parts/segmented";
import type { TrackController } from "./controller";
import {
  addedCut,
  movedEdge,
  splitPoint,
  viewOfCut,
  type Cut,
  type CutEdit,
  type CutList,
  type Edge,
} from "./cut-logic";
import { cutsQuery, editCuts, renderCuts, type CutSource } from "./cuts-data";
import "./cuts.css";
import { CutsLane } from "./cuts-lane";
import type { SongData } from "./data";
import { playhead, useFrames } from "./now";
import { stemColor, stemLabel } from "./song";
import { clampView, zoom, type View } from "./view";

type Stem = Schemas["Stem"];

/** Value of the address for the cuts of the whole recording. */
export const WHOLE_SONG = "song";
const STEP = 0.005;
const SPAN = 4;
const ZOOM = 1.5;
const TOO_SHORT = "The cut is too short to be split.";

export function CutsEditor({ song, track }: { song: SongData; track: TrackController }) {
  const { query } = useAddress();
  const name = query.get("cuts") ?? WHOLE_SONG;
  const stem = track.stems.includes(name) ? (name as Stem) : null;
  const source = useMemo(() => ({ item: song.item.id, stem }), [song.item.id, stem]);
  const cuts = useQuery(cutsQuery(source));
  const options = [
    { value: WHOLE_SONG, label: "Whole song" },
    ...track.stems.map((each) => ({ value: each, label: stemLabel(each) })),
  ];
  const close = (): void => setQuery({ cuts: null, cut: null });
  useKeys({ close });
  return (
    <section className="cuts-editor" aria-label="Cuts">
      <div className="row cuts-head">
        <h2>Cuts</h2>
        {options.length > 1 && (
          <Segmented
            label="What is cut"
            value={stem ?? WHOLE_SONG}
            options={options}
            onChange={(value) => setQuery({ cuts: value, cut: null })}
          />
        )}
        <span className="grow" />
        {cuts.data && <RenderButton source={source} list={cuts.data} />}
        <button type="button" className="icon-btn" aria-label="Close the cuts" onClick={close}>
          <Icon name="close" />
        </button>
      </div>
      {cuts.error && <p className="fg1 cuts-note">{problemText(cuts.error)}</p>}
      {cuts.data && (
        <Editing
          key={stem ?? WHOLE_SONG}
          song={song}
          track={track}
          source={source}
          list={cuts.data}
          sample={query.get("cut")}
        />
      )}
    </section>
  );
}

function RenderButton({ source, list }: { source: CutSource; list: CutList }) {
  const count = list.to_render;
  return (
    <button
      type="button"
      className="btn primary"
      disabled={count === 0 || list.by === "machine"}
      onClick={() => void renderCuts(source, count)}
    >
      {count === 0 ? "Samples are up to date" : `Make ${plural(count, "sample")}`}
    </button>
  );
}

function Editing({
  song,
  track,
  source,
  list,
  sample,
}: {
  song: SongData;
  track: TrackController;
  source: CutSource;
  list: CutList;
  /** The sample whose cut is chosen first. */
  sample: string | null;
}) {
  const rate = list.sample_rate;
  const duration = list.samples / rate;
  const [number, setNumber] = useState<number | null>(() => {
    const first = list.items.find((cut) => cut.sample === sample) ?? list.items[0];
    return first?.number ?? null;
  });
  const chosen = list.items.find((cut) => cut.number === number) ?? null;
  const [view, setViewState] = useState<View>(() => {
    const start = clampView({ start: 0, end: SPAN }, duration);
    return chosen ? clampView(viewOfCut(start, chosen, list), duration) : start;
  });
  const setView = useCallback(
    (change: (view: View) => View) => setViewState((now) => clampView(change(now), duration)),
    [duration],
  );
  const play = usePlay(track, rate);
  const choose = (cut: Cut | undefined): void => {
    if (!cut) return;
    setNumber(cut.number);
    setView((now) => viewOfCut(now, cut, list));
    play(cut);
  };
  const step = (by: number): void => {
    const at = list.items.findIndex((cut) => cut.number === number);
    choose(list.items[Math.min(Math.max(at + by, 0), list.items.length - 1)]);
  };
  const isBusy = useRef(false);
  const edit = async (label: string, ...edits: CutEdit[]): Promise<CutList | null> => {
    // Each edit names the version that the one before made.
    if (isBusy.current) return null;
    isBusy.current = true;
    try {
      return await editCuts(source, list, label, edits);
    } finally {
      isBusy.current = false;
    }
  };
  const move = (cut: Cut, edge: Edge, to: number): void => {
    void edit(edge === "start" ? "Start moved" : "End moved", {
      do: "move",
      cut: cut.number,
      [edge]: to,
    });
  };
  const nudge = (edge: Edge, seconds: number): void => {
    if (chosen) move(chosen, edge, movedEdge(chosen, edge, chosen[edge] + seconds * rate, list));
  };
  const split = (cut: Cut, at: number | null): void => {
    if (at === null) showToast(TOO_SHORT);
    else void edit("Cut split", { do: "split", cut: cut.number, at });
  };
  const here = (): number | null => {
    const seconds = playhead(song.item.id);
    return seconds === null ? null : seconds * rate;
  };
  const add = async (start: number, end: number): Promise<void> => {
    const known = new Set(list.items.map((cut) => cut.number));
    const made = await edit("Cut added", { do: "add", start, end, kind: "one_shot" });
    const added = made?.items.find((cut) => !known.has(cut.number));
    if (added) setNumber(added.number);
  };
  const addHere = (): void => {
    const cut = addedCut(here() ?? chosen?.end ?? 0, list);
    if (cut) void add(cut.start, cut.end);
  };
  const merge = (): void => {
    const at = list.items.findIndex((cut) => cut.number === number);
    const [first, second] = [list.items[at], list.items[at + 1]];
    if (first && second)
      void edit("Cuts merged", { do: "merge", cuts: [first.number, second.number] });
    else showToast("There is no cut after this one.");
  };
  const remove = (): void => {
    if (!chosen) return;
    const at = list.items.indexOf(chosen);
    const next = list.items[at + 1] ?? list.items[at - 1];
    void edit("Cut deleted", { do: "delete", cut: chosen.number }).then((made) => {
      if (made) setNumber(next?.number ?? null);
    });
  };
  useKeys({
    "cuts-previous": () => step(-1),
    "cuts-next": () => step(1),
    "cuts-again": () => choose(chosen ?? undefined),
    "cuts-start-earlier": () => nudge("start", -STEP),
    "cuts-start-later": () => nudge("start", STEP),
    "cuts-end-earlier": () => nudge("end", -STEP),
    "cuts-end-later": () => nudge("end", STEP),
    "cuts-split": () => chosen && split(chosen, splitPoint(chosen, here(), list)),
    "cuts-merge": merge,
    "cuts-add": addHere,
    "cuts-delete": remove,
    "cuts-zoom-in": () => setView((now) => zoom(now, ZOOM, centre(now, chosen, rate), duration)),
    "cuts-zoom-out": () =>
      setView((now) => zoom(now, 1 / ZOOM, centre(now, chosen, rate), duration)),
  });
  const files = song.files.stems.find((each) => each.stem === source.stem);
  return (
    <>
      <CutsLane
        item={song.item.id}
        list={list}
        peaks={source.stem === null ? song.files.peaks : (files?.peaks ?? null)}
        color={source.stem === null ? "wave" : stemColor(source.stem)}
        view={view}
        chosen={chosen}
        setView={setView}
        onChoose={choose}
        onMove={move}
        onSplit={split}
        onAdd={(start, end) => void add(start, end)}
      />
      <div className="row cuts-foot">
        <span className="cuts-chosen" role="status">
          {chosen ? cutText(chosen, list) : "No cuts yet: drag over the waveform to add one."}
        </span>
        <span className="grow" />
        <button type="button" className="btn small" disabled={!chosen} onClick={() => step(-1)}>
          Previous
        </button>
        <button type="button" className="btn small" disabled={!chosen} onClick={() => step(1)}>
          Next
        </button>
        <button
          type="button"
          className="btn small"
          disabled={!chosen}
          onClick={() => chosen && split(chosen, splitPoint(chosen, here(), list))}
        >
          Split
        </button>
        <button type="button" className="btn small" disabled={!chosen} onClick={merge}>
          Merge with next
        </button>
        <button type="button" className="btn small" onClick={addHere}>
          Add
        </button>
        <button type="button" className="btn small" disabled={!chosen} onClick={remove}>
          Delete
        </button>
      </div>
    </>
  );
}

function cutText(cut: Cut, list: CutList): string {
  const rate = list.sample_rate;
  const place = list.items.indexOf(cut) + 1;
  const length = formatLength((cut.end - cut.start) / rate);
  const state = cut.rendered ? "" : ", sample not made yet";
  const kind = cut.kind === "loop" ? "loop" : "one-shot";
  return `Cut ${place} of ${list.items.length}: ${kind} at ${(cut.start / rate).toFixed(3)} s, ${length}${state}`;
}

function centre(view: View, cut: Cut | null, rate: number): number {
  if (cut === null) return (view.start + view.end) / 2;
  return (cut.start + cut.end) / 2 / rate;
}

/** Return what plays a cut and stops at its end. */
function usePlay(track: TrackController, rate: number): (cut: Cut) => void {
  const range = useRef<{ start: number; end: number; isInside: boolean } | null>(null);
  useFrames(
    useCallback(() => {
      const played = range.current;
      if (!played || !player.state.get().playing) return;
      const at = player.position();
      if (at >= played.start && at < played.end) played.isInside = true;
      // Until the jump is made, the position is that of before.
      else if (played.isInside) {
        range.current = null;
        if (at >= played.end) player.pause();
      }
    }, []),
  );
  return (cut) => {
    range.current = { start: cut.start / rate, end: cut.end / rate, isInside: false };
    track.seek(cut.start / rate);
    void player.play();
  };
}
