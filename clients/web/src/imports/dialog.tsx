/** Importing from a link: what it is, and what the provider needs. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { navigate } from "../address";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { Dialog } from "../parts/dialog";
import { plural } from "../parts/format";
import { TextField } from "../sign-in/fields";
import { importDialog, providersQuery, startImport } from "./data";
import "./imports.css";
import { LIST_PROVIDERS, linkProblem, providerOf } from "./links";

const MAX_FILES = 500;

export function ImportDialog() {
  const [link, setLink] = useState("");
  const [chosen, setChosen] = useState("");
  const [key, setKey] = useState("");
  const [limit, setLimit] = useState("50");
  const [isStarting, setIsStarting] = useState(false);
  const [problem, setProblem] = useState("");
  // One key for each content of the form: a repeated press starts one import.
  const [attempt, setAttempt] = useState(() => crypto.randomUUID());
  const providers = useQuery(providersQuery).data ?? [];
  const name = chosen || providerOf(link);
  const provider = providers.find((each) => each.name === name);
  const files = Number(limit);
  const isLimitWrong = !Number.isInteger(files) || files < 1 || files > MAX_FILES;
  const takesLimit = provider !== undefined && LIST_PROVIDERS.has(provider.name);
  const refusal = problem || (chosen === "" ? linkProblem(link) : "");
  const change = <T,>(set: (value: T) => void) => {
    return (value: T): void => {
      set(value);
      setProblem("");
      setAttempt(crypto.randomUUID());
    };
  };
  const start = async (): Promise<void> => {
    if (!provider) return;
    setIsStarting(true);
    setProblem("");
    try {
      const started = await startImport(
        {
          provider: provider.name,
          reference: link.trim(),
          ...(takesLimit && { max_files: files }),
          ...(provider.needs_key && { key: key.trim() }),
        },
        attempt,
      );
      close();
      showToast(`${started.title}: ${plural(started.files?.total ?? 0, "file")} on the way.`);
      navigate("/activity");
    } catch (error) {
      setProblem(problemText(error));
      setAttempt(crypto.randomUUID());
    }
    setIsStarting(false);
  };
  return (
    <Dialog label="Import from a link" className="dialog import-dialog" onClose={close}>
      <h2>Import from a link</h2>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void start();
        }}
      >
        <TextField
          label={chosen === "" ? "Link" : "Link, number or name"}
          required
          value={link}
          onChange={change(setLink)}
          problem={refusal}
          hint="A sound file, the RSS feed of a podcast, or a page of archive.org or freesound.org."
        />
        <label className="field-label" htmlFor="import-provider">
          It is
        </label>
        <select
          id="import-provider"
          className="select"
          value={chosen}
          onChange={(event) => change(setChosen)(event.target.value)}
        >
          <option value="">
            {provider && chosen === "" ? provider.title : "Told by the link"}
          </option>
          {providers.map((each) => (
            <option key={each.name} value={each.name}>
              {each.title}
            </option>
          ))}
        </select>
        {provider?.needs_key && (
          <TextField
            label="Your API key there"
            required
            value={key}
            onChange={change(setKey)}
            hint="It is used for this import and not stored."
          />
        )}
        {takesLimit && (
          <TextField
            label="At most so many files"
            value={limit}
            onChange={change(setLimit)}
            problem={isLimitWrong ? `A number from 1 to ${MAX_FILES}.` : ""}
          />
        )}
        <div className="row import-buttons">
          <button
            type="submit"
            className="btn primary"
            disabled={!provider || isStarting || link.trim() === "" || (takesLimit && isLimitWrong)}
          >
            {isStarting ? "Looking it up" : "Import"}
          </button>
          <button type="button" className="btn quiet" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function close(): void {
  importDialog.set(false);
}
