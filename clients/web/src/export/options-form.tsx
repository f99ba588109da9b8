/** The options of a bundle: only those that its preset has. */
import { Segmented } from "../parts/segmented";
import {
  kitSources,
  MAX_BPM,
  MAX_COUNT_IN_BARS,
  MAX_PADS,
  MIN_BPM,
  namesProblem,
  optionsOf,
  type ExportOptions,
} from "./params";
import type { Preset } from "./presets";

const SOURCES = { hits: "Best hits", keys: "Pitched, by keys", loop: "One loop" } as const;
const STEPS = [
  [1, "beats"],
  [2, "eighths"],
  [3, "eighth triplets"],
  [4, "sixteenths"],
  [6, "sixteenth triplets"],
  [8, "thirty-seconds"],
] as const;

export function OptionsForm({
  preset,
  isItem,
  stems,
  options,
  onChange,
}: {
  preset: Preset;
  isItem: boolean;
  /** The stems that a mix can leave out. */
  stems: readonly string[];
  options: ExportOptions;
  onChange: (change: Partial<ExportOptions>) => void;
}) {
  const shown = optionsOf(preset);
  const sources = kitSources(preset, isItem);
  const problem = namesProblem(options.names);
  return (
    <div className="export-options">
      {shown.has("format") && (
        <Segmented
          label="Format"
          value={options.format}
          options={[
            { value: "wav", label: "WAV" },
            { value: "flac", label: "FLAC" },
            { value: "mp3", label: "MP3" },
          ]}
          onChange={(format) => onChange({ format })}
        />
      )}
      {shown.has("bpm") && (
        <label className="export-field">
          <span>Fit loops to BPM</span>
          <input
            className="field"
            type="number"
            min={MIN_BPM}
            max={MAX_BPM}
            placeholder="as is"
            value={options.bpm ?? ""}
            onChange={(event) =>
              onChange({ bpm: event.target.value === "" ? null : Number(event.target.value) })
            }
          />
        </label>
      )}
      {shown.has("trim") && (
        <Check
          label="Cut off silence at both ends"
          checked={options.trim}
          onChange={(trim) => onChange({ trim })}
        />
      )}
      {shown.has("kitSource") && sources.length > 1 && (
        <Segmented
          label="Made of"
          value={sources.includes(options.kitSource) ? options.kitSource : "hits"}
          options={sources.map((value) => ({ value, label: SOURCES[value] }))}
          onChange={(kitSource) => onChange({ kitSource })}
        />
      )}
      {shown.has("pads") && isItem && options.kitSource === "hits" && (
        <Count
          label="Pads"
          min={1}
          max={MAX_PADS}
          value={options.pads}
          onChange={(pads) => onChange({ pads })}
        />
      )}
      {shown.has("stepsPerBeat") && (
        <label className="export-field">
          <span>Quantise to</span>
          <select
            className="select"
            value={options.stepsPerBeat}
            onChange={(event) => onChange({ stepsPerBeat: Number(event.target.value) })}
          >
            {STEPS.map(([steps, label]) => (
              <option key={steps} value={steps}>
                {label}
              </option>
            ))}
          </select>
        </label>
      )}
      {shown.has("without") &&
        stems.map((stem) => (
          <Check
            key={stem}
            label={`Without ${stem}`}
            checked={options.without.includes(stem)}
            onChange={(isLeftOut) =>
              onChange({
                without: isLeftOut
                  ? [...options.without, stem]
                  : options.without.filter((other) => other !== stem),
              })
            }
          />
        ))}
      {shown.has("matchLoudness") && (
        <Check
          label="Bring all to the same loudness"
          checked={options.matchLoudness}
          onChange={(matchLoudness) => onChange({ matchLoudness })}
        />
      )}
      {shown.has("countInBars") && (
        <Count
          label="Bars of count-in"
          min={0}
          max={MAX_COUNT_IN_BARS}
          value={options.countInBars}
          onChange={(countInBars) => onChange({ countInBars })}
        />
      )}
      {shown.has("click") && (
        <Check
          label="A click on each beat"
          checked={options.click}
          onChange={(click) => onChange({ click })}
        />
      )}
      {shown.has("aiff") && (
        <Check
          label="AIFF files too"
          checked={options.aiff}
          onChange={(aiff) => onChange({ aiff })}
        />
      )}
      {shown.has("everyBeat") && (
        <Check
          label="A tempo for every beat, for a song that drifts"
          checked={options.everyBeat}
          onChange={(everyBeat) => onChange({ everyBeat })}
        />
      )}
      <label className="export-field">
        <span>File names</span>
        <input
          className="field mono"
          value={options.names}
          aria-invalid={problem !== ""}
          onChange={(event) => onChange({ names: event.target.value })}
        />
      </label>
      {problem !== "" && <p className="t12 danger">{problem}</p>}
    </div>
  );
}

function Check({
  label,
  checked,
  onChange,
}: {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  return (
    <label className="export-check">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
      />
      {label}
    </label>
  );
}

function Count({
  label,
  min,
  max,
  value,
  onChange,
}: {
  label: string;
  min: number;
  max: number;
  value: number;
  onChange: (value: number) => void;
}) {
  return (
    <label className="export-field">
      <span>{label}</span>
      <input
        className="field"
        type="number"
        min={min}
        max={max}
        value={value}
        onChange={(event) => {
          const typed = Math.round(Number(event.target.value));
          onChange(Math.min(max, Math.max(min, Number.isFinite(typed) ? typed : min)));
        }}
      />
    </label>
  );
}
