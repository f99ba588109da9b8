/** Power spectra of real signals: a radix-2 transform with its tables. */
export class PowerSpectrum {
  readonly #window: Float32Array;
  readonly #real: Float32Array;
  readonly #imaginary: Float32Array;
  readonly #cosines: Float32Array;
  readonly #sines: Float32Array;
  readonly #order: Uint32Array;

  /** @param size a power of two. */
  constructor(readonly size: number) {
    const turn = (2 * Math.PI) / size;
    this.#window = Float32Array.from({ length: size }, (_, at) => 0.5 - 0.5 * Math.cos(turn * at));
    this.#real = new Float32Array(size);
    this.#imaginary = new Float32Array(size);
    this.#cosines = Float32Array.from({ length: size / 2 }, (_, at) => Math.cos(turn * at));
    this.#sines = Float32Array.from({ length: size / 2 }, (_, at) => -Math.sin(turn * at));
    const bits = Math.log2(size);
    this.#order = Uint32Array.from({ length: size }, (_, at) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit += 1) reversed = (reversed << 1) | ((at >> bit) & 1);
      return reversed;
    });
  }

  /** Write the power of the first half of the bins; 1 is a sine of full scale. */
  compute(samples: Float32Array, power: Float32Array): void {
    const { size } = this;
    const [real, imaginary] = [this.#real, this.#imaginary];
    for (let at = 0; at < size; at += 1) {
      const from = this.#order[at] ?? 0;
      real[at] = (samples[from] ?? 0) * (this.#window[from] ?? 0);
      imaginary[at] = 0;
    }
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let first = 0; first < size; first += 2 * half) {
        for (let at = 0; at < half; at += 1) {
          const [even, odd] = [first + at, first + at + half];
          const [c, s] = [this.#cosines[at * step] ?? 0, this.#sines[at * step] ?? 0];
          const [re, im] = [real[odd] ?? 0, imaginary[odd] ?? 0];
          const [turnedRe, turnedIm] = [re * c - im * s, re * s + im * c];
          real[odd] = (real[even] ?? 0) - turnedRe;
          imaginary[odd] = (imaginary[even] ?? 0) - turnedIm;
          real[even] = (real[even] ?? 0) + turnedRe;
          imaginary[even] = (imaginary[even] ?? 0) + turnedIm;
        }
      }
    }
    const scale = (4 / size) ** 2;
    for (let bin = 0; bin < power.length; bin += 1)
      power[bin] = ((real[bin] ?? 0) ** 2 + (imaginary[bin] ?? 0) ** 2) * scale;
  }
}
