/** Reads the mini-waveforms of items with one request. */

import { api, data } from "../data/api";
import type { MiniWaveform, WaveformReader } from "./waveforms";

export const readWaveforms: WaveformReader = async (items) => {
  const answer = await data(api.POST("/v1/waveforms", { body: { items: [...items] } }));
  return new Map(Object.entries(answer.items).map(([item, text]) => [item, decode(text)]));
};

/** Decode a waveform from Base64. */
export function decode(text: string): MiniWaveform {
  const bytes = atob(text);
  return Uint8Array.from(bytes, (character) => character.charCodeAt(0));
}
