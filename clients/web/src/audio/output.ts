/** The one audio context, with the volume and the meter behind everything that plays. */

interface Graph {
  readonly context: AudioContext;
  readonly volume: GainNode;
  readonly meters: readonly [AnalyserNode, AnalyserNode];
}

/** Samples over which the meter takes the peak: 21 ms at 48 kHz. */
const METER_SAMPLES = 1024;

export class Output {
  #graph: Graph | null = null;
  #volume = 1;
  readonly #scratch = new Float32Array(METER_SAMPLES);

  /**
   * Return the context. Songs are played at their own rate, which the browser converts; a context
   * has one rate, so that another one replaces it.
   */
  open(sampleRate?: number): Graph {
    if (this.#graph && (!sampleRate || this.#graph.context.sampleRate === sampleRate))
      return this.#graph;
    void this.#graph?.context.close();
    const context = new AudioContext({
      latencyHint: "interactive",
      ...(sampleRate ? { sampleRate } : {}),
    });
    const volume = new GainNode(context, { gain: this.#volume });
    const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    const meter = (): AnalyserNode => new AnalyserNode(context, { fftSize: METER_SAMPLES });
    const meters = [meter(), meter()] as const;
    volume.connect(context.destination);
    volume.connect(splitter);
    meters.forEach((node, channel) => splitter.connect(node, channel));
    this.#graph = { context, volume, meters };
    return this.#graph;
  }

  get context(): AudioContext | null {
    return this.#graph?.context ?? null;
  }

  setVolume(volume: number): void {
    this.#volume = volume;
    const graph = this.#graph;
    graph?.volume.gain.setTargetAtTime(volume, graph.context.currentTime, 0.01);
  }

  /** Highest sample of the left and right channel just now, 0…1. */
  levels(): readonly [number, number] {
    const peak = (channel: 0 | 1): number => {
      const node = this.#graph?.meters[channel];
      if (!node) return 0;
      node.getFloatTimeDomainData(this.#scratch);
      return this.#scratch.reduce((top, sample) => Math.max(top, Math.abs(sample)), 0);
    };
    return [Math.min(1, peak(0)), Math.min(1, peak(1))];
  }

  /** Let sound out; return whether the browser allows it without a gesture. */
  async resume(): Promise<boolean> {
    const context = this.open().context;
    const resumed = context.resume().then(() => true);
    const waited = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 250));
    return (await Promise.race([resumed, waited])) || context.state === "running";
  }
}
