import { describe, expect, it } from "vitest";
import { BLOCK, type Block } from "./messages";
import { StemMixer } from "./mixer";
import { Synth } from "./synth";

const RATE = 44_100;
const QUANTUM = 128;

function notes(...list: [start: number, end: number, pitch: number, velocity: number][]) {
  return Float64Array.from(list.flat());
}

function rendered(synth: Synth, from: number, count: number): Float32Array {
  const target = new Float32Array(count);
  synth.render(target, count, from);
  return target;
}

/** Position of the first sample that is not silent. */
function onset(samples: Float32Array): number {
  return samples.findIndex((sample) => Math.abs(sample) > 1e-6);
}

describe("the synthesizer", () => {
  it("starts a note on its sample, wherever rendering begins", () => {
    const synth = new Synth(notes([0.5, 1, 69, 100]), RATE, { isDrums: false });
    const whole = rendered(synth, 0, RATE);
    expect(onset(whole)).toBe(Math.round(0.5 * RATE) + 1);
    const part = rendered(synth, 20_000, 10_000);
    expect(part).toEqual(whole.slice(20_000, 30_000));
  });

  it("plays the pitch of a note, and is silent after its release", () => {
    const synth = new Synth(notes([0, 1, 69, 100]), RATE, { isDrums: false });
    const samples = rendered(synth, 0, RATE * 2);
    let crossings = 0;
    for (let at = 4410; at < 4410 + RATE / 2; at += 1)
      if ((samples[at - 1] ?? 0) < 0 && (samples[at] ?? 0) >= 0) crossings += 1;
    expect(crossings).toBeGreaterThanOrEqual(219);
    expect(crossings).toBeLessThanOrEqual(221);
    expect(Math.max(...samples.slice(RATE * 1.07).map(Math.abs))).toBe(0);
  });

  it("has a sound for every drum, which stays within full scale", () => {
    for (let pitch = 35; pitch <= 59; pitch += 1) {
      const synth = new Synth(notes([0, 0.1, pitch, 127]), RATE, { isDrums: true });
      const loudest = Math.max(...rendered(synth, 0, RATE).map(Math.abs));
      expect(loudest).toBeGreaterThan(0.05);
      expect(loudest).toBeLessThan(1);
    }
  });
});

/** A block of one stem of silence, or of noise of a level. */
function block(position: number, level: number): Block {
  const samples = new Float32Array(2 * BLOCK);
  samples.forEach((_, at) => (samples[at] = level * Math.sin(at * 0.07)));
  return { generation: 1, marks: [{ at: 0, position }], count: BLOCK, isLast: false, samples };
}

function play(mixer: StemMixer, blocks: number, level: number, from = 0): Float32Array {
  const output = new Float32Array(blocks * BLOCK);
  const right = new Float32Array(QUANTUM);
  for (let at = 0; at < blocks; at += 1) mixer.push(block(from + at * BLOCK, level));
  for (let at = 0; at < output.length; at += QUANTUM)
    mixer.process(output.subarray(at, at + QUANTUM), right);
  return output;
}

function openMixer(): StemMixer {
  const mixer = new StemMixer(RATE, 1, false, () => undefined);
  mixer.change({ generation: 1, isJoin: false });
  mixer.setPlaying(true);
  return mixer;
}

describe("the mixer", () => {
  it("plays notes at the sample of the song at which they start", () => {
    const mixer = openMixer();
    const start = 30_000 / RATE;
    mixer.hearNotes({ stem: 0, isDrums: false, notes: notes([start, start + 0.2, 60, 100]) });
    const output = play(mixer, 20, 0);
    expect(Math.abs(onset(output) - 30_000)).toBeLessThanOrEqual(1);
  });

  it("puts notes in place of the stem, as loud as it, and brings it back", () => {
    const mixer = openMixer();
    const audio = play(mixer, 60, 0.2);
    mixer.hearNotes({ stem: 0, isDrums: false, notes: notes([0, 60, 60, 100]) });
    const heard = play(mixer, 240, 0.2, 60 * BLOCK);
    const energy = (samples: Float32Array): number =>
      samples.slice(-40 * BLOCK).reduce((sum, value) => sum + value * value, 0);
    expect(energy(heard) / energy(audio)).toBeGreaterThan(0.4);
    expect(energy(heard) / energy(audio)).toBeLessThan(2.5);
    mixer.hearNotes(null);
    const back = play(mixer, 4, 0.2, 300 * BLOCK).slice(-BLOCK);
    const plain = play(openMixer(), 4, 0.2).slice(-BLOCK);
    expect(back).toEqual(plain);
  });

  it("makes no click where a loop begins again", () => {
    const mixer = openMixer();
    mixer.hearNotes({ stem: 0, isDrums: false, notes: notes([0, 10, 48, 100]) });
    play(mixer, 20, 0);
    const output = new Float32Array(2 * BLOCK);
    const right = new Float32Array(QUANTUM);
    mixer.push(block(20 * BLOCK, 0));
    mixer.push(block(7 * BLOCK + 311, 0));
    for (let at = 0; at < output.length; at += QUANTUM)
      mixer.process(output.subarray(at, at + QUANTUM), right);
    let largest = 0;
    for (let at = 1; at < output.length; at += 1)
      largest = Math.max(largest, Math.abs((output[at] ?? 0) - (output[at - 1] ?? 0)));
    expect(largest).toBeLessThan(0.02);
  });
});
