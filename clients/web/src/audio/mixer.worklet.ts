/** The audio worklet: runs the mixer on the audio thread. */
import type { Block, MixerReport, ToMixer } from "./messages";
import { StemMixer } from "./mixer";

/** Blocks of 128 samples between two reports: about 23 ms. */
const REPORT_EVERY = 8;

declare const sampleRate: number;
declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, type: new () => AudioWorkletProcessor): void;

class MixerProcessor extends AudioWorkletProcessor {
  #mixer: StemMixer | null = null;
  #feed: MessagePort | null = null;
  #calls = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<ToMixer>) => this.#apply(data);
  }

  process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const [left, right] = outputs[0] ?? [];
    if (!left || !right || !this.#mixer) return true;
    this.#mixer.process(left, right);
    this.#calls += 1;
    if (this.#calls % REPORT_EVERY === 0) this.#report(left.length);
    return true;
  }

  #apply(message: ToMixer): void {
    if (message.kind === "sources") this.#open(message);
    else if (message.kind === "change") this.#mixer?.change(message.change);
    else if (message.kind === "playing") this.#mixer?.setPlaying(message.playing);
    else if (message.kind === "gains") this.#mixer?.setGains(message.gains);
    else if (message.kind === "notes") this.#mixer?.hearNotes(message.notes);
    else this.#mixer?.hear(message.original);
  }

  #open({ stems, hasOriginal, port }: Extract<ToMixer, { kind: "sources" }>): void {
    this.#feed?.close();
    this.#feed = port;
    const release = (block: Block): void => port.postMessage(block, [block.samples.buffer]);
    const mixer = new StemMixer(sampleRate, stems, hasOriginal, release);
    port.onmessage = ({ data }: MessageEvent<Block>) => mixer.push(data);
    this.#mixer = mixer;
  }

  #report(length: number): void {
    const report = this.#mixer?.report((currentFrame + length) / sampleRate);
    if (report) this.port.postMessage(report satisfies MixerReport);
  }
}

registerProcessor("stem-mixer", MixerProcessor);
