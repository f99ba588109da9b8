/** WAV files written in the page, and saving files. */

const HEADER_BYTES = 44;
const BYTES = 3;
const FULL_SCALE = 2 ** 23;

/**
 * Return a RIFF WAVE file of 24 bits.
 * @param channels samples of equal number, −1…1; what is beyond is clipped.
 * @param rate in Hz.
 */
export function wavFile(channels: readonly Float32Array[], rate: number): Uint8Array<ArrayBuffer> {
  const length = channels[0]?.length ?? 0;
  const frame = channels.length * BYTES;
  const size = length * frame;
  const file = new Uint8Array(HEADER_BYTES + size + (size % 2));
  const view = new DataView(file.buffer);
  const text = (at: number, value: string): void => {
    for (let index = 0; index < value.length; index += 1)
      file[at + index] = value.charCodeAt(index);
  };
  text(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, channels.length, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, BYTES * 8, true);
  text(36, "data");
  view.setUint32(40, size, true);
  channels.forEach((samples, channel) => {
    for (let index = 0; index < length; index += 1) {
      const value = Math.round((samples[index] ?? 0) * FULL_SCALE);
      const held = Math.max(-FULL_SCALE, Math.min(FULL_SCALE - 1, value));
      const at = HEADER_BYTES + index * frame + channel * BYTES;
      view.setUint16(at, held & 0xffff, true);
      view.setUint8(at + 2, (held >> 16) & 0xff);
    }
  });
  return file;
}

/** Save what an address holds under a name. */
export function saveFile(address: string, name: string): void {
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
}
