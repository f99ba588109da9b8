/** API keys: make, copy once, revoke. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import { problemText } from "../data/problems";
import { showToast } from "../data/toasts";
import { ShownOnce } from "../parts/shown-once";
import { TextField } from "../sign-in/fields";

type Scope = Schemas["Scope"];

const SCOPES: readonly { readonly scope: Scope; readonly label: string }[] = [
  { scope: "catalogue:read", label: "Read songs, sounds and results" },
  { scope: "catalogue:write", label: "Add, change and delete them" },
  { scope: "jobs:write", label: "Start and stop work" },
];

const DAYS = 365;

export function KeysSettings() {
  const [secret, setSecret] = useState<string | null>(null);
  const keys = useQuery({
    queryKey: ["keys"],
    queryFn: () => data(api.GET("/v1/keys")),
  });
  const revoke = async (key: Schemas["ApiKey"]): Promise<void> => {
    try {
      await data(api.DELETE("/v1/keys/{key}", { params: { path: { key: key.id } } }));
      showToast(`“${key.name}” no longer opens anything.`);
    } catch (error) {
      showToast(problemText(error));
    }
    await queries.invalidateQueries({ queryKey: ["keys"] });
  };
  return (
    <div className="settings-body">
      <p className="settings-lead">
        A key lets a program work in your name, such as the command <code>cratedig</code>. Each key
        is shown once, when it is made. The{" "}
        <a className="link" href="/docs">
          API reference
        </a>{" "}
        lists every call and lets you try it.
      </p>
      {secret !== null && (
        <ShownOnce secret={secret} onDone={() => setSecret(null)}>
          Copy the key now. It is not shown again.
        </ShownOnce>
      )}
      {keys.data?.items.length === 0 && <p className="fg1">There are no keys.</p>}
      <ul style={{ margin: "16px 0" }}>
        {(keys.data?.items ?? []).map((key) => (
          <li key={key.id} className="settings-row">
            <span className="grow">
              <span>{key.name}</span>{" "}
              <span className="t12 fg2">
                {key.prefix}…, {lastUse(key)}, until {new Date(key.expires).toLocaleDateString()}
              </span>
            </span>
            <button type="button" className="btn small" onClick={() => void revoke(key)}>
              Revoke<span className="sr-only"> {key.name}</span>
            </button>
          </li>
        ))}
      </ul>
      <NewKey onMade={setSecret} />
    </div>
  );
}

function lastUse(key: Schemas["ApiKey"]): string {
  return key.last_used ? `used ${new Date(key.last_used).toLocaleDateString()}` : "not used yet";
}

function NewKey({ onMade }: { onMade: (secret: string) => void }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Scope[]>(SCOPES.map(({ scope }) => scope));
  const [problem, setProblem] = useState("");
  const make = async (): Promise<void> => {
    setProblem("");
    try {
      const key = await data(
        api.POST("/v1/keys", { body: { name, scopes: [...scopes], days: DAYS } }),
      );
      onMade(key.key);
      setName("");
      await queries.invalidateQueries({ queryKey: ["keys"] });
    } catch (error) {
      setProblem(problemText(error));
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <h2 className="bold">New key</h2>
      <TextField label="Name" required value={name} onChange={setName} problem={problem} />
      <fieldset style={{ border: 0, padding: "16px 0 0" }}>
        <legend className="t12 fg1">It may</legend>
        {SCOPES.map(({ scope, label }) => (
          <label key={scope} className="check" style={{ marginTop: 4 }}>
            <input
              type="checkbox"
              checked={scopes.includes(scope)}
              onChange={(event) =>
                setScopes(
                  event.target.checked
                    ? [...scopes, scope]
                    : scopes.filter((other) => other !== scope),
                )
              }
            />
            {label}
          </label>
        ))}
      </fieldset>
      <button
        type="submit"
        className="btn primary"
        style={{ marginTop: 16 }}
        disabled={scopes.length === 0}
      >
        Make key
      </button>
    </form>
  );
}
