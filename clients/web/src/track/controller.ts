/** The state of an open track: the address holds it, the player follows it. */
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { setQuery, useAddress } from "../address";
import { player, type Sound } from "../audio/player";
import { useStore } from "../data/store";
import { baseName } from "../parts/format";
import { addressOf, type SongData } from "./data";
import { Grid, barText } from "./grid";
import { gainsOf, mixFromQuery, mixToQuery, type Mix } from "./mix";
import { playhead, useFrames } from "./now";
import { songPeaks } from "./song-peaks";
import { clampView, follow, type View } from "./view";

/** Bars that a track opens with. */
const OPEN_BARS = 8;
const PHONE_BARS = 3;
/** Milliseconds between two writes of the playhead into the address. */
const WRITE_MS = 2000;

export interface Range {
  readonly start: number;
  readonly end: number;
}

export interface TrackController {
  readonly grid: Grid;
  readonly duration: number;
  readonly stems: readonly string[];
  readonly view: View;
  setView(change: (view: View) => View): void;
  readonly mix: Mix;
  changeMix(mix: Mix): void;
  readonly loop: Range | null;
  readonly isLooping: boolean;
  setLoop(loop: Range | null): void;
  readonly hearsOriginal: boolean;
  hearOriginal(original: boolean): void;
  /** Whether this track is in the player. */
  readonly isLoaded: boolean;
  seek(seconds: number): void;
}

export function useTrack(song: SongData): TrackController {
  const { item, files, analysis } = song;
  const duration = item.audio?.duration ?? analysis?.duration ?? 0;
  const grid = useMemo(() => Grid.of(analysis?.beats ?? [], duration), [analysis, duration]);
  const stems = useMemo(() => files.stems.map(({ stem }) => stem), [files]);
  const { query } = useAddress();
  const playerState = useStore(player.state);
  const isLoaded = playerState.sound?.key === item.id && playerState.sound.files !== undefined;

  const [view, setViewState] = useState(() => firstView(query, grid, duration));
  const setView = useCallback(
    (change: (view: View) => View) => setViewState((now) => clampView(change(now), duration)),
    [duration],
  );
  useWriteSpan(rangeText(view, grid));

  const [draft, setDraft] = useState<Mix | null>(null);
  const queryText = query.toString();
  const stored = useMemo(
    () => mixFromQuery(new URLSearchParams(queryText), stems),
    [queryText, stems],
  );
  const mix = draft ?? stored;
  const changeMix = useCallback((next: Mix) => setDraft(next), []);
  useEffect(() => {
    if (!draft) return;
    // A fader that moves would fill the history.
    const timer = setTimeout(() => {
      setQuery(mixToQuery(draft), { replace: true });
      setDraft(null);
    }, 250);
    return () => clearTimeout(timer);
  }, [draft]);

  const loopText = query.get("loop");
  const loop = useMemo(() => rangeOf(loopText, grid), [loopText, grid]);
  const setLoop = useCallback(
    (next: Range | null) => {
      setQuery({ loop: next && rangeText(next, grid) });
      if (next) player.setLoop(true);
    },
    [grid],
  );
  const hearsOriginal = query.get("hear") === "original" && files.stems.length > 0;
  const hearOriginal = useCallback((original: boolean) => {
    setQuery({ hear: original ? "original" : null });
  }, []);

  const sound = useMemo(() => soundOf(song), [song]);
  useLoadOnce(sound, {
    at: grid.toSeconds(Number(query.get("bar") ?? "1") || 1),
    loops: loop !== null,
  });
  useEffect(() => {
    if (isLoaded) player.mix.setGains(gainsOf(mix, stems.length > 0 ? stems : ["mix"]));
  }, [isLoaded, mix, stems, playerState.duration]);
  useEffect(() => {
    if (isLoaded) player.mix.hear(hearsOriginal);
  }, [isLoaded, hearsOriginal, playerState.duration]);
  useEffect(() => {
    if (isLoaded) player.setLoopRange(loop);
  }, [isLoaded, loop, playerState.duration]);

  const followed = useRef(0);
  useFrames(
    useCallback(() => {
      const seconds = playhead(item.id);
      if (seconds === null || seconds === followed.current) return;
      followed.current = seconds;
      if (player.state.get().playing) setViewState((now) => follow(now, seconds, duration));
    }, [item.id, duration]),
  );
  useWritePlayhead(item.id, grid);

  const seek = useCallback(
    (seconds: number) => {
      const at = Math.max(0, Math.min(seconds, duration));
      if (player.state.get().sound?.key === item.id) player.seek(at);
      else void player.load(sound, { play: false, at });
      setViewState((now) => follow(now, at, duration));
      setQuery({ bar: barText(grid.toBar(at)) }, { replace: true });
    },
    [duration, grid, item.id, sound],
  );
  const isLooping = playerState.loop;
  return {
    ...{ grid, duration, stems, view, setView, mix, changeMix },
    ...{ loop, isLooping, setLoop, hearsOriginal, hearOriginal, isLoaded, seek },
  };
}

/** Put the track into the player, unless something else plays there. */
function useLoadOnce(sound: Sound, { at, loops }: { at: number; loops: boolean }): void {
  const start = useRef({ at, loops });
  useEffect(() => {
    const { sound: current, playing } = player.state.get();
    const isSame = current?.key === sound.key;
    if (isSame && !current.files) {
      // The table of songs plays the original; its stems go on from there.
      void player.load(sound, { play: playing, at: player.position() });
      return;
    }
    if (isSame || (current && playing)) return;
    if (start.current.loops) player.setLoop(true);
    void player.load(sound, { play: false, at: start.current.at });
  }, [sound]);
}

function useWritePlayhead(item: string, grid: Grid): void {
  useEffect(() => {
    const write = (): void => {
      const seconds = playhead(item);
      if (seconds !== null) setQuery({ bar: barText(grid.toBar(seconds)) }, { replace: true });
    };
    const timer = setInterval(() => {
      if (player.state.get().playing) write();
    }, WRITE_MS);
    let wasPlaying = false;
    const stop = player.state.subscribe(() => {
      const { playing, sound } = player.state.get();
      if (wasPlaying && !playing && sound?.key === item) write();
      wasPlaying = playing;
    });
    return () => {
      clearInterval(timer);
      stop();
    };
  }, [item, grid]);
}

/** Write what is shown into the address once it rests. */
function useWriteSpan(span: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    const timer = setTimeout(() => setQuery({ span }, { replace: true }), 400);
    return () => clearTimeout(timer);
  }, [span]);
}

function soundOf({ item, files }: SongData): Sound {
  const file = (artifact: { id: string; size: number }) => ({
    size: artifact.size,
    address: () => addressOf(artifact.id),
  });
  const canonical = files.canonical;
  const stems = files.stems.map(({ audio }) => file(audio));
  const peaks = files.peaks;
  return {
    key: item.id,
    title: baseName(item.name),
    subtitle: stems.length > 0 ? "Stems" : "Original",
    href: `/tracks/${item.id}`,
    address: () => addressOf(canonical?.id ?? ""),
    files:
      stems.length > 0
        ? { stems, original: canonical && file(canonical) }
        : { stems: canonical ? [file(canonical)] : [], original: null },
    ...(item.audio ? { duration: item.audio.duration } : {}),
    ...(peaks ? { peaks: () => songPeaks(peaks.id) } : {}),
  };
}

function firstView(query: URLSearchParams, grid: Grid, duration: number): View {
  const span = rangeOf(query.get("span"), grid);
  if (span) return clampView(span, duration);
  const bar = Number(query.get("bar")) || 1;
  const bars = window.innerWidth <= 640 ? PHONE_BARS : OPEN_BARS;
  const first = grid.isMusical ? Math.max(1, Math.floor(bar)) : bar;
  const count = grid.isMusical ? bars : 20;
  return clampView({ start: grid.toSeconds(first), end: grid.toSeconds(first + count) }, duration);
}

function rangeOf(text: string | null, grid: Grid): Range | null {
  const match = /^([\d.]+)-([\d.]+)$/.exec(text ?? "");
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || !(end > start)) return null;
  return { start: Math.max(0, grid.toSeconds(start)), end: grid.toSeconds(end) };
}

function rangeText({ start, end }: Range, grid: Grid): string {
  return `${barText(grid.toBar(start))}-${barText(grid.toBar(end))}`;
}
