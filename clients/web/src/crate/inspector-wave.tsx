/** The waveform of one sound, drawn from its samples; a click plays from there. */

import { useEffect, useRef, useState } from "react";
import { player } from "../audio/player";
import { useStore } from "../data/store";
import { theme } from "../theme";
import { soundOf } from "./audition";
import { waveforms } from "./client";
import { readPalette, sizeCanvas } from "./drawing";
import { soundFile } from "./sounds";
import type { SearchHit } from "./types";
import { amplitudeOf } from "./waveforms";

/** Sounds up to this length in seconds are decoded whole to draw them. */
const DECODED_SECONDS = 30;
const COLUMNS = 640;
/** Moving must rest this long before a sound is decoded, in milliseconds. */
const REST_MS = 120;

/** Lowest and highest sample and the RMS level of each column, -1 to 1. */
interface Columns {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly rms: Float32Array;
}

export function InspectorWave({ hit }: { hit: SearchHit }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { sound, playing, duration } = useStore(player.state);
  const shownTheme = useStore(theme);
  const columns = useColumns(hit);
  const isLoaded = sound?.key === hit.item.id;
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      const at = isLoaded && duration > 0 ? player.position() / duration : 0;
      const isOver = at > 0.999 && !playing;
      if (canvas.current) drawColumns(canvas.current, columns, isOver ? 0 : at);
    };
    const follow = (): void => {
      draw();
      if (isLoaded && playing) frame = requestAnimationFrame(follow);
    };
    follow();
    const sizes = new ResizeObserver(draw);
    if (canvas.current) sizes.observe(canvas.current);
    return () => {
      cancelAnimationFrame(frame);
      sizes.disconnect();
    };
  }, [columns, isLoaded, playing, duration, shownTheme]);
  return (
    <canvas
      ref={canvas}
      className="inspector-wave"
      role="img"
      aria-label={columns === "silent" ? "Silent" : "Waveform"}
      onClick={(event) => {
        const box = event.currentTarget.getBoundingClientRect();
        const at = ((event.clientX - box.left) / box.width) * (hit.item.audio?.duration ?? 0);
        if (!isLoaded) void player.load(soundOf(hit), { at });
        else {
          player.seek(at);
          void player.play();
        }
      }}
    />
  );
}

/** Return the columns of a sound: at first those of the list, then those of its samples. */
function useColumns(hit: SearchHit): Columns | "silent" | null {
  const item = hit.item.id;
  const length = hit.item.audio?.duration ?? Infinity;
  const [columns, setColumns] = useState<{ item: string; value: Columns | "silent" } | null>(null);
  const [, setVersion] = useState(0);
  useEffect(() => waveforms.subscribe(() => setVersion((count) => count + 1)), []);
  useEffect(() => {
    if (length > DECODED_SECONDS) return;
    let isCurrent = true;
    const timer = setTimeout(() => {
      decodeColumns(item).then(
        (value) => {
          if (isCurrent) setColumns({ item, value });
        },
        () => undefined,
      );
    }, REST_MS);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [item, length]);
  if (columns?.item === item) return columns.value;
  const mini = waveforms.get(item);
  if (!mini) return null;
  const peak = Float32Array.from({ length: mini.length / 2 }, (_, n) =>
    amplitudeOf(mini[2 * n] ?? 0),
  );
  const rms = Float32Array.from({ length: mini.length / 2 }, (_, n) =>
    amplitudeOf(mini[2 * n + 1] ?? 0),
  );
  return { high: peak, low: peak.map((value) => -value), rms };
}

async function decodeColumns(item: string): Promise<Columns | "silent"> {
  const { address } = await soundFile(item);
  const bytes = await (await fetch(address)).arrayBuffer();
  const audio = await new OfflineAudioContext(1, 1, 44_100).decodeAudioData(bytes);
  const channels = Array.from({ length: audio.numberOfChannels }, (_, n) =>
    audio.getChannelData(n),
  );
  return columnsOf(channels);
}

/** Return the columns of samples, one array for each channel. */
export function columnsOf(channels: readonly Float32Array[]): Columns | "silent" {
  const length = channels[0]?.length ?? 0;
  const count = Math.max(1, Math.min(COLUMNS, length));
  const low = new Float32Array(count);
  const high = new Float32Array(count);
  const rms = new Float32Array(count);
  let loudest = 0;
  for (let column = 0; column < count; column += 1) {
    const from = Math.floor((column * length) / count);
    const to = Math.floor(((column + 1) * length) / count);
    let energy = 0;
    for (const samples of channels) {
      for (let at = from; at < to; at += 1) {
        const value = samples[at] ?? 0;
        if (value < (low[column] ?? 0)) low[column] = value;
        if (value > (high[column] ?? 0)) high[column] = value;
        energy += value * value;
      }
    }
    rms[column] = Math.sqrt(energy / Math.max(1, (to - from) * channels.length));
    loudest = Math.max(loudest, high[column] ?? 0, -(low[column] ?? 0));
  }
  return loudest === 0 ? "silent" : { low, high, rms };
}

function drawColumns(
  canvas: HTMLCanvasElement,
  columns: Columns | "silent" | null,
  played: number,
) {
  if (canvas.clientWidth === 0) return;
  sizeCanvas(canvas, canvas.clientWidth, canvas.clientHeight);
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const palette = readPalette();
  const middle = height / 2;
  const scale = middle * 0.92;
  const playedTo = Math.round(played * width);
  context.clearRect(0, 0, width, height);
  if (columns === null || columns === "silent") {
    context.fillStyle = columns === null ? palette.line : palette.wave;
    context.fillRect(0, Math.round(middle), width, Math.max(1, devicePixelRatio));
    return;
  }
  const count = columns.high.length;
  for (let x = 0; x < width; x += 1) {
    const column = Math.min(count - 1, Math.floor((x / width) * count));
    const [low, high] = [columns.low[column] ?? 0, columns.high[column] ?? 0];
    const rms = columns.rms[column] ?? 0;
    context.fillStyle = x < playedTo ? palette.accent : palette.current;
    context.globalAlpha = 0.5;
    context.fillRect(x, middle - high * scale, 1, Math.max(1, (high - low) * scale));
    context.globalAlpha = 1;
    const above = Math.min(high, rms) * scale;
    const below = Math.min(-low, rms) * scale;
    context.fillRect(x, middle - above, 1, Math.max(1, above + below));
  }
  if (played > 0) {
    context.fillStyle = palette.accent;
    context.fillRect(playedTo, 0, Math.max(1, Math.round(devicePixelRatio)), height);
  }
}
