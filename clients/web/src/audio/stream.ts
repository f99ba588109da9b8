/** Long sounds and songs in stems: a worker feeds a worklet that mixes them. */
import type { FromFeeder, Loop, MixerReport, StemNotes, ToFeeder, ToMixer } from "./messages";
import workletAddress from "./mixer.worklet.ts?worker&url";
import type { Output } from "./output";

/** A file that is played in step with the others. */
export interface StreamFile {
  /** Bytes of the file, or `null` if they are not known. */
  readonly size: number | null;
  /** Return a signed address; called again when the last one has run out. */
  address(): Promise<string>;
}

export interface StreamFiles {
  readonly stems: readonly StreamFile[];
  /** The song as it was before its separation. */
  readonly original: StreamFile | null;
}

interface Opened {
  readonly sampleRate: number;
  readonly samples: number;
}

export class StreamPlayer {
  #worker: Worker | null = null;
  #node: AudioWorkletNode | null = null;
  #opened: Opened | null = null;
  #generation = 0;
  #loop: Loop | null = null;
  #playing = false;
  /** Position in samples that the mixer has not reached yet, after a jump. */
  #pending: number | null = null;
  #report: MixerReport | null = null;
  #levels = new Float32Array(0);

  /**
   * @param onEnd is called when the song has played to its end.
   * @param onFail is told why the song cannot go on.
   */
  constructor(
    private readonly output: Output,
    private readonly onEnd: () => void,
    private readonly onFail: (message: string) => void,
  ) {}

  /** Open the files and wait at a position in seconds; returns the length in seconds. */
  async open(files: StreamFiles, at: number): Promise<number> {
    this.close();
    const all = files.original ? [...files.stems, files.original] : [...files.stems];
    const addresses = await Promise.all(all.map((file) => file.address()));
    const worker = new Worker(new URL("./feeder.worker.ts", import.meta.url), { type: "module" });
    this.#worker = worker;
    const channel = new MessageChannel();
    const sources = all.map(({ size }, index) => ({ size, address: addresses[index] ?? "" }));
    const opening = new Promise<Opened>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromFeeder>) => {
        if (data.kind === "opened") resolve(data);
        else if (data.kind === "expired") void this.#renew(worker, all, data.source);
        else {
          reject(new Error(data.message));
          if (this.#worker === worker && this.#opened) this.onFail(data.message);
        }
      };
    });
    post(worker, { kind: "open", sources, port: channel.port1 }, [channel.port1]);
    const opened = await opening;
    const { context, volume } = this.output.open(opened.sampleRate);
    await context.audioWorklet.addModule(workletAddress);
    if (this.#worker !== worker) throw new Error("another sound was loaded");
    const node = new AudioWorkletNode(context, "stem-mixer", {
      numberOfInputs: 0,
      outputChannelCount: [2],
    });
    node.port.onmessage = ({ data }: MessageEvent<MixerReport>) => this.#take(data);
    node.connect(volume);
    this.#node = node;
    this.#opened = opened;
    this.#levels = new Float32Array(files.stems.length * 2);
    const port = channel.port2;
    const hasOriginal = files.original !== null;
    node.port.postMessage(
      { kind: "sources", stems: files.stems.length, hasOriginal, port } satisfies ToMixer,
      [port],
    );
    this.seek(at);
    return opened.samples / opened.sampleRate;
  }

  close(): void {
    this.#tell({ kind: "playing", playing: false });
    const node = this.#node;
    // The mixer fades out before it goes.
    if (node) setTimeout(() => node.disconnect(), 50);
    if (this.#worker) post(this.#worker, { kind: "close" });
    this.#worker = null;
    this.#node = null;
    this.#opened = null;
    this.#report = null;
    this.#pending = null;
    this.#loop = null;
    this.#playing = false;
  }

  start(): void {
    if (this.#report?.hasEnded) this.seek(0);
    this.#playing = true;
    this.#tell({ kind: "playing", playing: true });
  }

  stop(): void {
    this.#pending = Math.round(this.position() * (this.#opened?.sampleRate ?? 1));
    this.#playing = false;
    this.#tell({ kind: "playing", playing: false });
  }

  /** Jump to a position in seconds. */
  seek(seconds: number): void {
    const opened = this.#opened;
    if (!opened) return;
    const position = Math.max(0, Math.min(Math.round(seconds * opened.sampleRate), opened.samples));
    this.#feed(position, { isJoin: false });
  }

  /** Loop between two positions in seconds, or play on; what sounds goes on without a gap. */
  setLoop(range: { readonly start: number; readonly end: number } | null): void {
    const opened = this.#opened;
    if (!opened) return;
    const at = (seconds: number): number =>
      Math.max(0, Math.min(Math.round(seconds * opened.sampleRate), opened.samples));
    const loop = range && { start: at(range.start), end: at(range.end) };
    const usable = loop && loop.end - loop.start > opened.sampleRate / 100 ? loop : null;
    if (usable?.start === this.#loop?.start && usable?.end === this.#loop?.end) return;
    this.#loop = usable;
    this.#feed(Math.round(this.position() * opened.sampleRate), { isJoin: true });
  }

  setGains(gains: Float32Array): void {
    this.#tell({ kind: "gains", gains });
  }

  hear(original: boolean): void {
    this.#tell({ kind: "hear", original });
  }

  /** Hear a stem as notes, or all stems as they are. */
  hearNotes(notes: StemNotes | null): void {
    this.#tell({ kind: "notes", notes });
  }

  /** Seconds since the start of the song that are heard now. */
  position(): number {
    const [opened, report, context] = [this.#opened, this.#report, this.output.context];
    if (!opened || !context) return 0;
    if (this.#pending !== null || !report) return (this.#pending ?? 0) / opened.sampleRate;
    const start = report.position / opened.sampleRate;
    if (!this.#playing || report.isStarved || report.hasEnded) return start;
    const heard = context.currentTime - (context.outputLatency || 0);
    // Between two reports the mixer plays on; a report is sent before its sound is heard.
    const moved = Math.max(-0.5, Math.min(0.5, heard - report.time));
    return this.#wrapped(start + moved, opened);
  }

  /** Highest samples of the left and right of each stem since the last call. */
  levels(): Float32Array {
    const levels = this.#levels.slice();
    this.#levels.fill(0);
    return levels;
  }

  /** Gain in dB by which the original is matched to the stems. */
  get match(): number {
    return this.#report?.match ?? 0;
  }

  #wrapped(seconds: number, { sampleRate, samples }: Opened): number {
    const loop = this.#loop;
    if (loop && seconds < loop.start / sampleRate && (this.#report?.position ?? 0) >= loop.start)
      return seconds + (loop.end - loop.start) / sampleRate;
    return Math.max(0, Math.min(seconds, samples / sampleRate));
  }

  #feed(position: number, { isJoin }: { isJoin: boolean }): void {
    if (!this.#worker || !this.#node) return;
    this.#generation += 1;
    this.#pending = isJoin && this.#playing ? this.#pending : position;
    const generation = this.#generation;
    this.#tell({ kind: "change", change: { generation, isJoin } });
    post(this.#worker, { kind: "seek", generation, position, loop: this.#loop });
  }

  #take(report: MixerReport): void {
    report.levels.forEach((level, index) => {
      this.#levels[index] = Math.max(this.#levels[index] ?? 0, level);
    });
    this.#report = report;
    if (report.generation === this.#generation && this.#playing) this.#pending = null;
    if (report.hasEnded && this.#playing && report.generation === this.#generation) {
      this.#playing = false;
      this.#tell({ kind: "playing", playing: false });
      this.onEnd();
    }
  }

  async #renew(worker: Worker, files: readonly StreamFile[], source: number): Promise<void> {
    try {
      const address = (await files[source]?.address()) ?? "";
      post(worker, { kind: "address", source, address });
    } catch {
      if (this.#worker === worker) this.onFail("the file is no longer in the store");
    }
  }

  #tell(message: ToMixer): void {
    this.#node?.port.postMessage(message);
  }
}

function post(worker: Worker, message: ToFeeder, transfer: Transferable[] = []): void {
  worker.postMessage(message, transfer);
}
