/** Class, key and tempo of a sound in the inspector, which a user corrects where they stand. */

import { useQuery } from "@tanstack/react-query";
import { correct, correctionsQuery, type CorrectionField } from "../data/corrections";
import { showToast } from "../data/toasts";
import { Editable } from "../parts/editable";
import type { Patch } from "./editing";
import { KEYS, camelotNamed, keyWords } from "./musical-keys";
import { CLASSES, className, confidenceText, isConfirmed, isDoubtful } from "./texts";
import type { SearchHit, SoundClass } from "./types";

const CLASS_CHOICE = "inspector-class";
const MIN_TEMPO = 20;
const MAX_TEMPO = 400;

/** Put the focus on the class of the current sound. */
export function focusClass(): void {
  document.getElementById(CLASS_CHOICE)?.focus();
}

export function CorrectableFacts({ hit, patch }: { hit: SearchHit; patch: Patch }) {
  const { item } = hit;
  const isCorrected = Object.keys(item.corrected ?? {}).length > 0;
  const corrections = useQuery({ ...correctionsQuery(item.id), enabled: isCorrected });
  const says = (field: CorrectionField): unknown =>
    corrections.data?.find((one) => one.field === field)?.machine ?? null;
  const save = (field: CorrectionField, value: unknown, label: string): void => {
    // What the machine says is known of the row before its first correction.
    const machine = isMine(hit, field) ? says(field) : valueOf(hit, field);
    const onShown = (shown: unknown): void =>
      patch([item.id], (row) => shownHit(row, field, { value: shown, machine }));
    void correct({ item: item.id, field, value, label, onShown });
  };
  const back = (field: CorrectionField): void =>
    save(field, null, "What Cratedig found counts again");
  const saveKey = (text: string): void => {
    const code = camelotNamed(typedKey(text)) ?? (KEYS.has(text.toUpperCase()) ? text : null);
    const name = code === null ? undefined : KEYS.get(code.toUpperCase())?.name;
    if (name === undefined) showToast("Name a key, such as Am, F♯m or B♭.");
    else save("key", harte(name), `Key is ${keyWords(camelotNamed(name) ?? "")}`);
  };
  const saveTempo = (text: string): void => {
    const bpm = Number(text.replace(",", "."));
    if (!(bpm >= MIN_TEMPO && bpm <= MAX_TEMPO))
      showToast(`A tempo is ${MIN_TEMPO} to ${MAX_TEMPO} BPM.`);
    else save("tempo", bpm, `Tempo is ${bpm}`);
  };
  const ownKey = says("key");
  const ownTempo = says("tempo");
  return (
    <>
      {item.kind === "sample" && (
        <ClassFact
          hit={hit}
          says={isConfirmed(hit) ? (says("class") as SoundClass | null) : null}
          onChoose={(value) => save("class", value, `Class is ${className(value)}`)}
          onTakeBack={() => back("class")}
        />
      )}
      <CorrectableFact
        name="Key"
        text={hit.camelot ? (KEYS.get(hit.camelot)?.name ?? "") : ""}
        says={typeof ownKey === "string" ? keyWords(camelotNamed(short(ownKey)) ?? "") : null}
        onSave={saveKey}
        onTakeBack={() => back("key")}
      >
        {hit.camelot ? keyWords(hit.camelot) : "–"}{" "}
        {hit.camelot && <span className="fg2">{hit.camelot}</span>}
      </CorrectableFact>
      <CorrectableFact
        name="Tempo"
        text={hit.bpm == null ? "" : String(Math.round(hit.bpm * 100) / 100)}
        says={typeof ownTempo === "number" ? String(Math.round(ownTempo * 10) / 10) : null}
        onSave={saveTempo}
        onTakeBack={() => back("tempo")}
      >
        {hit.bpm == null ? "–" : `${Math.round(hit.bpm * 10) / 10} BPM`}
      </CorrectableFact>
    </>
  );
}

function isMine(hit: SearchHit, field: CorrectionField): boolean {
  return hit.item.corrected?.[field] !== undefined;
}

function valueOf(hit: SearchHit, field: CorrectionField): unknown {
  if (field === "class") return hit.sound_class ?? null;
  return (field === "tempo" ? hit.bpm : hit.key) ?? null;
}

/** A row with a value that counts from now on; without one, the machine's counts. */
function shownHit(
  hit: SearchHit,
  field: CorrectionField,
  { value, machine }: { value: unknown; machine: unknown },
): SearchHit {
  const others = Object.entries(hit.item.corrected ?? {}).filter(([name]) => name !== field);
  const mine = value as string | number;
  const corrected = Object.fromEntries(value === null ? others : [...others, [field, mine]]);
  const row = { ...hit, item: { ...hit.item, corrected } };
  const counts = value ?? machine;
  if (field === "tempo") return { ...row, bpm: counts as number | null };
  if (field === "key") {
    const key = counts as string | null;
    return { ...row, key, camelot: key === null ? null : camelotNamed(short(key)) };
  }
  return {
    ...row,
    sound_class: counts as SoundClass | null,
    class_source: value === null ? "machine" : "user",
    class_confidence: null,
  };
}

/** `Am` of `A:min`. */
function short(key: string): string {
  return key.replace(":min", "m").replace(":maj", "");
}

/** `A:min` of `Am`. */
function harte(name: string): string {
  return name.endsWith("m") ? `${name.slice(0, -1)}:min` : `${name}:maj`;
}

/** A key as it is typed, as `camelotNamed` reads it: `Am` of `a minor` or `A min`. */
function typedKey(text: string): string {
  const plain = text.trim().replace("♯", "#").replace("♭", "b");
  const name = plain.replace(/\s*(minor|min)$/i, "m").replace(/\s*(major|maj)$/i, "");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function ClassFact({
  hit,
  says,
  onChoose,
  onTakeBack,
}: {
  hit: SearchHit;
  says: SoundClass | null;
  onChoose: (value: SoundClass) => void;
  onTakeBack: () => void;
}) {
  const confidence = hit.class_confidence;
  const isYours = isConfirmed(hit);
  return (
    <div className="fact-row">
      <dt>Class</dt>
      <dd className="cell-class">
        <i className={isYours ? "dot" : "dot proposal"} />
        <select
          id={CLASS_CHOICE}
          className={isDoubtful(hit) ? "class-choice doubtful" : "class-choice"}
          aria-label="Class"
          value={hit.sound_class ?? ""}
          onChange={(event) => onChoose(event.target.value as SoundClass)}
        >
          {!hit.sound_class && <option value="">–</option>}
          {CLASSES.map((value) => (
            <option key={value} value={value}>
              {className(value)}
            </option>
          ))}
        </select>
      </dd>
      {!isYours && confidence != null ? (
        <dd
          className="confidence"
          tabIndex={0}
          aria-label={`Confidence ${confidenceText(confidence)}, calibrated`}
          title="Calibrated: of ten at .8, eight are right"
        >
          <i style={{ "--value": `${confidence * 100}%` } as React.CSSProperties} />
          {confidenceText(confidence)}
        </dd>
      ) : (
        <dd className="fg2 t12">
          {isYours && says === null && "yours"}
          {says !== null && <Says value={className(says)} onTakeBack={onTakeBack} />}
        </dd>
      )}
    </div>
  );
}

function CorrectableFact({
  name,
  text,
  says,
  onSave,
  onTakeBack,
  children,
}: {
  name: string;
  text: string;
  says: string | null;
  onSave: (text: string) => void;
  onTakeBack: () => void;
  children: React.ReactNode;
}) {
  return (
    <div className="fact-row">
      <dt>{name}</dt>
      <dd className="wide">
        <Editable label={name} value={text} onSave={onSave}>
          {children}
        </Editable>
        {says !== null && <Says value={says} onTakeBack={onTakeBack} />}
      </dd>
    </div>
  );
}

function Says({ value, onTakeBack }: { value: string; onTakeBack: () => void }) {
  return (
    <button type="button" className="link fact-says" onClick={onTakeBack}>
      Cratedig says {value}
    </button>
  );
}
