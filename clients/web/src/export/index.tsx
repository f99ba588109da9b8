/** Export: the files of an item, and bundles of an item, a collection or selected sounds. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { problemText } from "../data/problems";
import { useKeys } from "../keys/commands";
import { Dialog } from "../parts/dialog";
import { baseName, plural } from "../parts/format";
import { Icon } from "../parts/icon";
import { BundlePane } from "./bundle-pane";
import { collectAndExport, MAX_SOUNDS } from "./collecting";
import "./export.css";
import { selectionName } from "./files";
import { FilesPane } from "./files-pane";
import { exportTaskQuery, exportsQuery, startExport, type JobSubject } from "./jobs";
import { JobRow } from "./job-row";
import { exportSubject, type ExportSubject } from "./open";
import { SyncedFolder } from "./synced-folder";
import { DEFAULT_OPTIONS, exportParams, namesProblem, type ExportOptions } from "./params";
import { PRESET_GROUPS, type Preset } from "./presets";

type Choice = Preset | "files" | "sync";

const LAST_CHOICE = "cratedig.export";

export function Export({ subject }: { subject: ExportSubject }) {
  const isItem = subject.kind === "item";
  const [choice, setChoice] = useState<Choice>(() => firstChoice(subject));
  const [options, setOptions] = useState<ExportOptions>(DEFAULT_OPTIONS);
  const [name, setName] = useState(() => selectionName(new Date()));
  const [isStarting, setIsStarting] = useState(false);
  const [problem, setProblem] = useState("");
  const task = useQuery(exportTaskQuery);
  const preset = choice === "files" || choice === "sync" ? null : choice;
  // Escape closes it also when the focus is on nothing, as after a button that was disabled.
  useKeys({ close });
  useEffect(() => localStorage.setItem(LAST_CHOICE, choice), [choice]);
  const start = async (): Promise<void> => {
    if (preset === null) return;
    setProblem("");
    setIsStarting(true);
    try {
      const params = exportParams(preset, options, isItem);
      if (subject.kind === "sounds") await collectAndExport(subject.items, name.trim(), params);
      else await startExport(subject, params);
    } catch (error) {
      setProblem(problemText(error));
    }
    setIsStarting(false);
  };
  const isRefused =
    namesProblem(options.names) !== "" ||
    (subject.kind === "sounds" && (name.trim() === "" || subject.items.length > MAX_SOUNDS));
  return (
    <Dialog label={`Export ${titleOf(subject)}`} className="export" onClose={close}>
      <header className="row">
        <h2 className="ellipsis grow">Export {titleOf(subject)}</h2>
        <button type="button" className="icon-btn" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <nav aria-label="What to export">
        {isItem && <ChoiceRow label="Files" choice="files" chosen={choice} onChoose={setChoice} />}
        {PRESET_GROUPS.map((group) => (
          <div key={group.title} role="group" aria-label={group.title}>
            <h3>{group.title}</h3>
            {group.presets
              .filter(({ onlyItems }) => isItem || !onlyItems)
              .filter((facts) => task.data?.presets.has(facts.preset) ?? true)
              .map((facts) => (
                <ChoiceRow
                  key={facts.preset}
                  label={facts.label}
                  choice={facts.preset}
                  chosen={choice}
                  onChoose={setChoice}
                />
              ))}
          </div>
        ))}
        {subject.kind === "collection" && (
          <div role="group" aria-label="Kept up to date">
            <h3>Kept up to date</h3>
            <ChoiceRow label="Synced folder" choice="sync" chosen={choice} onChoose={setChoice} />
          </div>
        )}
      </nav>
      <div className="export-pane" data-autofocus tabIndex={-1}>
        {choice === "sync" && subject.kind === "collection" && (
          <SyncedFolder collection={subject} />
        )}
        {choice === "files" && isItem && <FilesPane item={subject.id} />}
        {preset !== null && (
          <BundlePane
            preset={preset}
            item={isItem ? subject.id : null}
            isOffered={task.data?.isOffered ?? true}
            options={options}
            onChange={(change) => setOptions({ ...options, ...change })}
          />
        )}
        {preset !== null && subject.kind === "sounds" && (
          <label className="export-field">
            <span>Kept as a collection</span>
            <input
              className="field"
              value={name}
              maxLength={200}
              onChange={(event) => setName(event.target.value)}
            />
          </label>
        )}
        {subject.kind === "sounds" && subject.items.length > MAX_SOUNDS && (
          <p className="danger t12">
            A bundle holds at most {MAX_SOUNDS.toLocaleString("en")} sounds. Select fewer.
          </p>
        )}
        {preset !== null && (
          <button
            type="button"
            className="btn primary export-start"
            disabled={isStarting || isRefused}
            onClick={() => void start()}
          >
            <Icon name="download" />
            Export
          </button>
        )}
        {problem !== "" && (
          <p className="danger t12" role="alert">
            {problem}
          </p>
        )}
        {preset !== null && subject.kind !== "sounds" && <Jobs subject={subject} />}
      </div>
    </Dialog>
  );
}

function close(): void {
  exportSubject.set(null);
}

function titleOf(subject: ExportSubject): string {
  return subject.kind === "sounds" ? plural(subject.items.length, "sound") : baseName(subject.name);
}

/** What was chosen last, where it fits what is exported. */
function firstChoice(subject: ExportSubject): Choice {
  const known = PRESET_GROUPS.flatMap(({ presets }) => presets);
  const last = known.find(({ preset }) => preset === localStorage.getItem(LAST_CHOICE));
  if (subject.kind === "item") return last?.preset ?? "files";
  return last && !last.onlyItems ? last.preset : "samples";
}

function ChoiceRow({
  label,
  choice,
  chosen,
  onChoose,
}: {
  label: string;
  choice: Choice;
  chosen: Choice;
  onChoose: (choice: Choice) => void;
}) {
  return (
    <button
      type="button"
      aria-pressed={choice === chosen}
      className={choice === chosen ? "export-choice on" : "export-choice"}
      onClick={() => onChoose(choice)}
    >
      {label}
    </button>
  );
}

function Jobs({ subject }: { subject: JobSubject }) {
  const jobs = useQuery(exportsQuery(subject));
  if (!jobs.data || jobs.data.length === 0) return null;
  return (
    <section aria-label="Exports so far">
      <h3>Exports so far</h3>
      <ul aria-live="polite">
        {jobs.data.map((job) => (
          <JobRow key={job.id} job={job} subject={subject} />
        ))}
      </ul>
    </section>
  );
}
