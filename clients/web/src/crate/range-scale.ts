/** The scale of a range facet: which value lies where on its rail. */

export interface RangeScale {
  /** The ends of the rail; a thumb at an end leaves it open. */
  readonly min: number;
  readonly max: number;
  /** Whether equal steps are equal ratios. */
  readonly logarithmic: boolean;
  /** Digits after the point. */
  readonly decimals: number;
  readonly unit: string;
}

/** Steps from one end of a rail to the other. */
export const STEPS = 200;

/** Return the value at a step of the rail. */
export function valueOf(scale: RangeScale, step: number): number {
  const share = step / STEPS;
  const { min, max, logarithmic, decimals } = scale;
  const value = logarithmic ? min * (max / min) ** share : min + (max - min) * share;
  return Number(value.toFixed(decimals));
}

/** Return where a value lies on the rail, 0…1. */
export function shareOf(scale: RangeScale, value: number): number {
  const { min, max, logarithmic } = scale;
  const held = Math.min(Math.max(value, min), max);
  return logarithmic ? Math.log(held / min) / Math.log(max / min) : (held - min) / (max - min);
}

/** Return the step of the rail nearest to a value. */
export function stepOf(scale: RangeScale, value: number): number {
  return Math.round(shareOf(scale, value) * STEPS);
}
