/** Sounds made for tests, as WAV files in memory. */

const RATE = 44_100;

/** Return a WAV file of 16 bits, mono, from samples in -1…1. */
export function wavFile(samples: Float32Array): Buffer {
  const bytes = Buffer.alloc(44 + samples.length * 2);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(36 + samples.length * 2, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(RATE * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, index) => {
    bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32767), 44 + index * 2);
  });
  return bytes;
}

/** Return a song-like signal: a kick each beat, a bass note each bar and a chord, at 120 BPM. */
export function songSamples(seconds: number, seed = 1): Float32Array {
  const chord = [220, 261.63, 329.63].map((pitch) => pitch * (1 + seed * 1e-4));
  return Float32Array.from({ length: seconds * RATE }, (_, index) => {
    const time = index / RATE;
    const beat = (time * 2) % 1;
    const kick = Math.sin(2 * Math.PI * 55 * beat) * Math.exp(-beat * 9) * 0.6;
    const bass = Math.sin(2 * Math.PI * 110 * time) * 0.15;
    const pad = chord.reduce((sum, pitch) => sum + Math.sin(2 * Math.PI * pitch * time), 0) * 0.05;
    return kick + bass + pad;
  });
}

/** Return a one-shot: a decaying tone of `seconds`. */
export function hitSamples(seconds: number, pitch: number): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, index) => {
    const time = index / RATE;
    return Math.sin(2 * Math.PI * pitch * time) * Math.exp(-time * 14) * 0.8;
  });
}

/** Return a burst of noise of `seconds`, brighter the higher `tilt` is, 0 to 1. */
export function noiseSamples(seconds: number, tilt: number, seed: number): Float32Array {
  let state = seed * 7919 + 1;
  let before = 0;
  return Float32Array.from({ length: Math.round(seconds * RATE) }, (_, index) => {
    state = (state * 16_807) % 2_147_483_647;
    const white = state / 1_073_741_823.5 - 1;
    const value = white - tilt * before;
    before = white;
    return value * Math.exp((-index / RATE) * 20) * 0.4;
  });
}

/** Return deep tones and bright bursts as files, in equal numbers, the tones first by name. */
export function boomsAndTicks(count: number): { name: string; bytes: Buffer }[] {
  return Array.from({ length: count }, (_, index) => {
    const number = Math.floor(index / 2) + 1;
    return index % 2 === 0
      ? { name: `Boom ${number}.wav`, bytes: wavFile(hitSamples(0.4, 50 + 3 * number)) }
      : { name: `Tick ${number}.wav`, bytes: wavFile(noiseSamples(0.2, 0.9, number)) };
  });
}
