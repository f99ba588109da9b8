/** What is used of the package, which has no types of its own. */
declare module "signalsmith-stretch" {
  export interface StretchNode extends AudioWorkletNode {
    /** Append samples, one array per channel; returns where they end in seconds. */
    addBuffers(channels: readonly Float32Array[]): Promise<number>;
    schedule(change: {
      active: boolean;
      output: number;
      input: number;
      rate: number;
      semitones: number;
    }): Promise<unknown>;
  }
  interface CreateStretch {
    (context: BaseAudioContext, options: AudioWorkletNodeOptions): Promise<StretchNode>;
    /** Where the worklet loads the module from. */
    moduleUrl?: string;
  }
  const createStretch: CreateStretch;
  export default createStretch;
}
declare module "signalsmith-stretch?url" {
  const address: string;
  export default address;
}
