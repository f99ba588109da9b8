/** The head of the piano roll: whose notes, how they are read, heard and edited. */
import { useState, type ReactNode } from "react";
import { setQuery } from "../address";
import type { CorrectionField } from "../data/corrections";
import { useTooltip } from "../keys/commands";
import { plural } from "../parts/format";
import { Icon } from "../parts/icon";
import type { SongData } from "./data";
import { Yours } from "./marks";
import { shareText, stemColor, stemLabel, type Note } from "./song";
import { SHORTEST_RANGE, THRESHOLD_RANGE, type ThresholdControls } from "./thresholds";

export function RollHead({
  song,
  stem,
  stems,
  notes,
  thresholds,
  isHeard,
  hear,
  isEditing,
  setEditing,
}: {
  song: SongData;
  stem: string;
  stems: readonly string[];
  notes: readonly Note[];
  thresholds: ThresholdControls;
  isHeard: boolean;
  hear: (notes: boolean) => void;
  isEditing: boolean;
  setEditing: (editing: boolean) => void;
}) {
  const hearTip = useTooltip("track-notes-hear");
  const editTip = useTooltip("track-notes-edit");
  const { draft } = thresholds;
  const bends = notes.some((note) => note.bends.length > 0);
  const name = stems.length > 1 ? null : `${stemLabel(stem)}, MIDI`;
  return (
    <div
      className="lane-head roll-head not-phone"
      style={{ "--stem": `var(--${stemColor(stem)})` } as React.CSSProperties}
    >
      <div className="stem-name">
        <span className="swatch" />
        {name ?? (
          <select
            aria-label="Notes of"
            value={stem}
            onChange={(event) => setQuery({ lanes: `notes:${event.target.value}` })}
          >
            {stems.map((option) => (
              <option key={option} value={option}>
                {stemLabel(option)}
              </option>
            ))}
          </select>
        )}
        <span className="roll-tools">
          <button
            type="button"
            className={isHeard ? "icon-btn small on" : "icon-btn small"}
            aria-pressed={isHeard}
            aria-label={`Hear the notes of ${stemLabel(stem)}`}
            title={hearTip}
            onClick={() => hear(!isHeard)}
          >
            <Icon name="note" />
          </button>
          <button
            type="button"
            className={isEditing ? "icon-btn small on" : "icon-btn small"}
            aria-pressed={isEditing}
            aria-label="Edit the notes"
            title={draft ? "Keep the notes first, then edit them" : editTip}
            disabled={draft !== null}
            onClick={() => setEditing(!isEditing)}
          >
            <Icon name="pencil" />
          </button>
        </span>
      </div>
      {draft ? (
        <DraftActions {...thresholds} />
      ) : (
        <div className="fg2 roll-count">
          {plural(notes.length, "note")}
          {bends ? ", bends" : ""}
          <Yours song={song} field={`notes-${stem}` as CorrectionField} what="notes" />
        </div>
      )}
      <Sliders song={song} stem={stem} thresholds={thresholds} />
    </div>
  );
}

function DraftActions({ keep, discard, isKeeping }: ThresholdControls) {
  return (
    <div className="roll-count">
      <button type="button" className="link" disabled={isKeeping} onClick={keep}>
        {isKeeping ? "Keeping" : "Keep these notes"}
      </button>
      <button
        type="button"
        className="icon-btn small"
        aria-label="Discard these notes"
        title="Discard: back to the notes before"
        onClick={discard}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

function Sliders({
  song,
  stem,
  thresholds,
}: {
  song: SongData;
  stem: string;
  thresholds: ThresholdControls;
}) {
  const { machine, draft, set } = thresholds;
  const files = song.files.stems.find((one) => one.stem === stem);
  // Drums come from slices, and have no thresholds.
  if (!files?.notes || stem === "drums") return null;
  if (!files.posteriors)
    return <p className="t11 fg2 roll-old">Make the MIDI again to change its thresholds.</p>;
  if (!machine) return null;
  const at = draft ?? machine;
  return (
    <div className="roll-sliders">
      <Slider
        label="Onset"
        title="How sure a note must be at its start. Double-click for what Cratedig used"
        {...THRESHOLD_RANGE}
        step={0.01}
        value={at.onset}
        text={shareText(at.onset)}
        onChange={(onset) => set({ onset })}
        onReset={() => set({ onset: machine.onset })}
      />
      <Slider
        label="Hold"
        title="How sure a note must be while it sounds. Double-click for what Cratedig used"
        {...THRESHOLD_RANGE}
        step={0.01}
        value={at.note}
        text={shareText(at.note)}
        onChange={(note) => set({ note })}
        onReset={() => set({ note: machine.note })}
      />
      <Slider
        label="Shortest"
        title="Shorter notes are left out. Double-click for what Cratedig used"
        {...SHORTEST_RANGE}
        step={1}
        value={at.shortest}
        text={`${Math.round(at.shortest)} ms`}
        onChange={(shortest) => set({ shortest })}
        onReset={() => set({ shortest: machine.shortest })}
      />
    </div>
  );
}

function Slider({
  label,
  title,
  min,
  max,
  step,
  value,
  text,
  onChange,
  onReset,
}: {
  label: string;
  title: string;
  min: number;
  max: number;
  step: number;
  value: number;
  text: string;
  onChange: (value: number) => void;
  onReset: () => void;
}): ReactNode {
  const [isHeld, setHeld] = useState(false);
  return (
    <label className="roll-slider" title={title}>
      <span>{isHeld ? text : label}</span>
      <input
        type="range"
        {...{ min, max, step, value }}
        aria-label={label}
        aria-valuetext={text}
        style={{ "--value": `${((value - min) / (max - min)) * 100}%` } as React.CSSProperties}
        onPointerDown={() => setHeld(true)}
        onPointerUp={() => setHeld(false)}
        onPointerCancel={() => setHeld(false)}
        onChange={(event) => onChange(Number(event.target.value))}
        onDoubleClick={onReset}
      />
    </label>
  );
}
