/** The state of the mixer: what is muted, soloed, louder, further left; and the gains from it. */

export interface StemMix {
  readonly muted: boolean;
  readonly solo: boolean;
  /** In dB, `MIN_LEVEL` for silence. */
  readonly level: number;
  /** -1 left, 0 middle, 1 right. */
  readonly pan: number;
}

export type Mix = Readonly<Record<string, StemMix>>;

export const MIN_LEVEL = -60;
export const MAX_LEVEL = 6;
export const NEUTRAL: StemMix = { muted: false, solo: false, level: 0, pan: 0 };

export function stemOf(mix: Mix, stem: string): StemMix {
  return mix[stem] ?? NEUTRAL;
}

export function changeStem(mix: Mix, stem: string, change: Partial<StemMix>): Mix {
  return { ...mix, [stem]: { ...stemOf(mix, stem), ...change } };
}

/** Solo one stem: alone, or added to those that are soloed. Once more ends its solo. */
export function solo(mix: Mix, stem: string, options: { add: boolean }): Mix {
  const was = stemOf(mix, stem).solo;
  const others = Object.values(mix).filter((entry) => entry.solo).length - (was ? 1 : 0);
  const base = options.add ? mix : clearSolos(mix);
  return changeStem(base, stem, { solo: options.add ? !was : !was || others > 0 });
}

export function clearSolos(mix: Mix): Mix {
  return Object.fromEntries(
    Object.entries(mix).map(([stem, entry]) => [stem, { ...entry, solo: false }]),
  );
}

/** Whether a stem is heard. */
export function isHeard(mix: Mix, stem: string): boolean {
  const { muted, solo: isSolo } = stemOf(mix, stem);
  if (Object.values(mix).some((entry) => entry.solo)) return isSolo;
  return !muted;
}

/** Left and right gain of each stem. The middle leaves both sides as they are. */
export function gainsOf(mix: Mix, stems: readonly string[]): Float32Array {
  return Float32Array.from(
    stems.flatMap((stem) => {
      const { level, pan } = stemOf(mix, stem);
      const gain = isHeard(mix, stem) && level > MIN_LEVEL ? 10 ** (level / 20) : 0;
      return [gain * Math.min(1, 1 - pan), gain * Math.min(1, 1 + pan)];
    }),
  );
}

/** Parameters of the address that hold the mix; `null` for what is as usual. */
export function mixToQuery(mix: Mix): Record<"mute" | "solo" | "level" | "pan", string | null> {
  const names = (test: (entry: StemMix) => boolean): string | null =>
    Object.keys(mix)
      .filter((stem) => test(stemOf(mix, stem)))
      .join(",") || null;
  const values = (read: (entry: StemMix) => number): string | null =>
    Object.entries(mix)
      .filter(([, entry]) => read(entry) !== 0)
      .map(([stem, entry]) => `${stem}:${Math.round(read(entry) * 100) / 100}`)
      .join(",") || null;
  return {
    mute: names((entry) => entry.muted),
    solo: names((entry) => entry.solo),
    level: values((entry) => entry.level),
    pan: values((entry) => entry.pan),
  };
}

export function mixFromQuery(query: URLSearchParams, stems: readonly string[]): Mix {
  const names = (name: string): string[] => (query.get(name) ?? "").split(",");
  const values = (name: string): Map<string, number> =>
    new Map(
      names(name).map((pair) => {
        const [stem = "", value = ""] = pair.split(":");
        return [stem, Number(value) || 0];
      }),
    );
  const [muted, soloed, levels, pans] = [
    names("mute"),
    names("solo"),
    values("level"),
    values("pan"),
  ];
  return Object.fromEntries(
    stems.map((stem) => [
      stem,
      {
        muted: muted.includes(stem),
        solo: soloed.includes(stem),
        level: Math.max(MIN_LEVEL, Math.min(MAX_LEVEL, levels.get(stem) ?? 0)),
        pan: Math.max(-1, Math.min(1, pans.get(stem) ?? 0)),
      },
    ]),
  );
}

/** `−4.5`, `0.0`, `−∞`: a level with a true minus. */
export function levelLabel(level: number): string {
  if (level <= MIN_LEVEL) return "−∞";
  return level.toFixed(1).replace("-", "−").replace("−0.0", "0.0");
}
