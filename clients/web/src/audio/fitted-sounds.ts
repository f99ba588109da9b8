/**
 * Short sounds at another speed and pitch, by Signalsmith Stretch (MIT). They are rendered as a
 * whole, faster than they sound, and kept. Files stay as they are.
 */
import moduleAddress from "signalsmith-stretch?url";
import type { Change } from "./fitting";
import { BufferCache } from "./samples";

const CACHE_BYTES = 32 * 2 ** 20;
/** Seconds before the sound in which the stretcher settles; they are cut off. */
const LEAD = 0.25;

export class FittedSounds {
  readonly #cache = new BufferCache(CACHE_BYTES);
  readonly #rendering = new Map<string, Promise<AudioBuffer>>();

  /** Return a decoded sound after a change. */
  async get(key: string, buffer: AudioBuffer, change: Change): Promise<AudioBuffer> {
    const name = `${key} ${change.rate} ${change.semitones}`;
    const cached = this.#cache.get(name);
    if (cached) return cached;
    let rendering = this.#rendering.get(name);
    if (!rendering) {
      rendering = stretch(buffer, change).finally(() => this.#rendering.delete(name));
      this.#rendering.set(name, rendering);
      void rendering.then((rendered) => this.#cache.set(name, rendered));
    }
    return rendering;
  }
}

/** Render a sound at another speed and pitch: `round(length / rate)` samples long. */
export async function stretch(buffer: AudioBuffer, change: Change): Promise<AudioBuffer> {
  const { numberOfChannels, sampleRate } = buffer;
  const length = Math.max(1, Math.round(buffer.length / change.rate));
  const lead = Math.round(LEAD * sampleRate);
  const context = new OfflineAudioContext(numberOfChannels, lead + length, sampleRate);
  const { default: createStretch } = await import("signalsmith-stretch");
  // From its own file: the content security policy allows no scripts out of memory.
  createStretch.moduleUrl = moduleAddress;
  const node = await createStretch(context, {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    outputChannelCount: [numberOfChannels],
  });
  const channels = Array.from({ length: numberOfChannels }, (_, index) =>
    buffer.getChannelData(index).slice(),
  );
  await node.addBuffers(channels);
  const { rate, semitones } = change;
  // Silence before the sound, so that its very start is complete.
  await node.schedule({ active: true, output: 0, input: -LEAD * rate, rate, semitones });
  node.connect(context.destination);
  const rendered = await context.startRendering();
  const fitted = new AudioBuffer({ length, numberOfChannels, sampleRate });
  for (let index = 0; index < numberOfChannels; index += 1)
    fitted.copyToChannel(rendered.getChannelData(index).subarray(lead), index);
  return fitted;
}
