/** Peaks of a whole song for the transport. */
import type { Peaks } from "../audio/player";
import { loadWhole } from "./data";

const COLUMNS = 1200;

export async function songPeaks(artifact: string): Promise<Peaks> {
  const waveform = await loadWhole(artifact);
  const duration = waveform.header.pixels / waveform.pixelsPerSecond;
  const columns = Array.from({ length: COLUMNS }, (_, index) =>
    waveform.column((index / COLUMNS) * duration, ((index + 1) / COLUMNS) * duration),
  );
  return {
    low: Float32Array.from(columns, ({ low }) => low),
    high: Float32Array.from(columns, ({ high }) => high),
  };
}
