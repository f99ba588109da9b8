/** Decoders of FLAC frames: the browser's own where it has one, else libFLAC as WebAssembly. */
import type { FLACDecoder } from "@wasm-audio-decoders/flac";
import type { Frame } from "./frames";
import type { FlacHeader } from "./header";

export interface FrameDecoder {
  /**
   * Return the samples of consecutive frames, one array for each channel, -1…1. A call must wait
   * for the one before.
   */
  decode(frames: readonly Frame[]): Promise<Float32Array[]>;
  close(): void;
}

export async function openDecoder(header: FlacHeader): Promise<FrameDecoder> {
  const config: AudioDecoderConfig = {
    codec: "flac",
    sampleRate: header.info.sampleRate,
    numberOfChannels: header.info.channels,
    description: header.description,
  };
  if (
    typeof AudioDecoder === "function" &&
    (await AudioDecoder.isConfigSupported(config)).supported
  )
    return new BrowserDecoder(config);
  return WasmDecoder.open();
}

function total(frames: readonly Frame[]): number {
  return frames.reduce((sum, frame) => sum + frame.count, 0);
}

class BrowserDecoder implements FrameDecoder {
  readonly #decoder: AudioDecoder;
  #take: (data: AudioData) => void = (data) => data.close();
  #failure: DOMException | null = null;

  constructor(private readonly config: AudioDecoderConfig) {
    this.#decoder = new AudioDecoder({
      output: (data) => this.#take(data),
      error: (error) => {
        this.#failure = error;
      },
    });
    this.#decoder.configure(config);
  }

  close(): void {
    if (this.#decoder.state !== "closed") this.#decoder.close();
  }

  async decode(frames: readonly Frame[]): Promise<Float32Array[]> {
    const length = total(frames);
    const channels = Array.from(
      { length: this.config.numberOfChannels },
      () => new Float32Array(length),
    );
    let filled = 0;
    this.#take = (data) => {
      channels.forEach((channel, planeIndex) => {
        const part = channel.subarray(filled, filled + data.numberOfFrames);
        data.copyTo(part, { planeIndex, format: "f32-planar" });
      });
      filled += data.numberOfFrames;
      data.close();
    };
    for (const frame of frames) {
      const timestamp = Math.round((frame.sample / this.config.sampleRate) * 1e6);
      this.#decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data: frame.bytes }));
    }
    await this.#decoder.flush();
    if (this.#failure) throw this.#failure;
    if (filled !== length) throw new Error(`decoded ${filled} samples of ${length}`);
    return channels;
  }
}

class WasmDecoder implements FrameDecoder {
  /** Sample that follows those of the last call. */
  #next = 0;

  private constructor(private readonly decoder: FLACDecoder) {}

  static async open(): Promise<WasmDecoder> {
    const wasm = await import("@wasm-audio-decoders/flac");
    const decoder = new wasm.FLACDecoder();
    await decoder.ready;
    return new WasmDecoder(decoder);
  }

  async decode(frames: readonly Frame[]): Promise<Float32Array[]> {
    // libFLAC takes a jump for a lost frame.
    if (frames[0] && frames[0].sample !== this.#next) await this.decoder.reset();
    this.#next = (frames[0]?.sample ?? 0) + total(frames);
    const { channelData, samplesDecoded } = await this.decoder.decodeFrames(
      frames.map((frame) => frame.bytes),
    );
    if (samplesDecoded !== total(frames))
      throw new Error(`decoded ${samplesDecoded} samples of ${total(frames)}`);
    return channelData;
  }

  close(): void {
    this.decoder.free();
  }
}
