/** A facet of a measured value: two thumbs on a rail, and the same two numbers to type. */

import { useState } from "react";
import type { Limits } from "./filters";
import { Histogram, type Counts } from "./histogram";
import { STEPS, stepOf, valueOf, type RangeScale } from "./range-scale";

export function RangeFacet({
  label,
  scale,
  limits,
  counts,
  onChange,
}: {
  label: string;
  scale: RangeScale;
  limits: Limits | null;
  counts: Counts | undefined;
  onChange: (limits: Limits | null) => void;
}) {
  const [min, max] = [limits?.min ?? null, limits?.max ?? null];
  return (
    <>
      <Histogram counts={counts} scale={scale} limits={limits} />
      <RangeRail
        key={`${min} ${max}`}
        label={label}
        scale={scale}
        limits={limits}
        onChange={onChange}
      />
      <div className="range-numbers">
        <NumberField
          key={`from ${min}`}
          label={`${label} from, ${scale.unit}`}
          value={min}
          onValue={(value) => onChange(joined(value, max))}
        />
        <span aria-hidden="true">–</span>
        <NumberField
          key={`to ${max}`}
          label={`${label} to, ${scale.unit}`}
          value={max}
          onValue={(value) => onChange(joined(min, value))}
        />
        <span className="fg2">{scale.unit}</span>
      </div>
    </>
  );
}

function RangeRail({
  label,
  scale,
  limits,
  onChange,
}: {
  label: string;
  scale: RangeScale;
  limits: Limits | null;
  onChange: (limits: Limits | null) => void;
}) {
  const steps = {
    from: stepOf(scale, limits?.min ?? scale.min),
    to: stepOf(scale, limits?.max ?? scale.max),
  };
  const [from, setFrom] = useState(steps.from);
  const [to, setTo] = useState(steps.to);
  const commit = (): void => {
    if (from === steps.from && to === steps.to) return;
    const min = from <= 0 ? null : valueOf(scale, from);
    const max = to >= STEPS ? null : valueOf(scale, to);
    onChange(min === null && max === null ? null : { min, max });
  };
  const thumb = (end: "from" | "to") => {
    const step = end === "from" ? from : to;
    return (
      <input
        type="range"
        min={0}
        max={STEPS}
        value={step}
        aria-label={`${label} ${end}`}
        aria-valuetext={`${valueOf(scale, step)} ${scale.unit}`}
        onChange={(event) => {
          const value = Number(event.target.value);
          if (end === "from") setFrom(Math.min(value, to));
          else setTo(Math.max(value, from));
        }}
        onPointerUp={commit}
        onKeyUp={commit}
      />
    );
  };
  const style = {
    "--from": `${(from / STEPS) * 100}%`,
    "--to": `${(to / STEPS) * 100}%`,
  } as React.CSSProperties;
  return (
    <div className="range-rail" style={style}>
      {thumb("from")}
      {thumb("to")}
    </div>
  );
}

function NumberField({
  label,
  value,
  onValue,
}: {
  label: string;
  value: number | null;
  onValue: (value: number | null) => void;
}) {
  const shown = value === null ? "" : String(value);
  const [text, setText] = useState(shown);
  const commit = (): void => {
    const typed = text.trim().replace(",", ".");
    const number = typed === "" ? null : Number(typed);
    if (number !== null && !(number >= 0 && Number.isFinite(number))) return setText(shown);
    if (number !== value) onValue(number);
  };
  return (
    <input
      className="range-number"
      inputMode="decimal"
      aria-label={label}
      placeholder="any"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === "Enter") commit();
      }}
    />
  );
}

/** Return the range between two ends, in ascending order; null if both are open. */
function joined(min: number | null, max: number | null): Limits | null {
  if (min === null && max === null) return null;
  if (min !== null && max !== null && min > max) return { min: max, max: min };
  return { min, max };
}
