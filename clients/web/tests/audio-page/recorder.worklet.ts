/** Sends everything that reaches it to the page. */
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, type: new () => AudioWorkletProcessor): void;

class Recorder extends AudioWorkletProcessor {
  process(inputs: Float32Array[][]): boolean {
    const [left] = inputs[0] ?? [];
    if (left) this.port.postMessage(left.slice());
    return true;
  }
}

registerProcessor("recorder", Recorder);
