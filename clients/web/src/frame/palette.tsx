/** The command palette: sounds, then actions, then places. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useDeferredValue, useId, useRef, useState } from "react";
import { navigate } from "../address";
import { api, data } from "../data/api";
import { chordLabel } from "../keys/chords";
import { runCommand, useActiveKeys } from "../keys/commands";
import { Dialog } from "../parts/dialog";
import { Icon, type IconName } from "../parts/icon";
import { formatLength } from "../parts/format";

interface Row {
  readonly id: string;
  readonly group: string;
  readonly icon: IconName;
  readonly label: string;
  readonly detail: string;
  readonly cap: string;
  run(): void;
}

const MAX_SOUNDS = 6;

export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const listId = useId();
  const sounds = useSounds(useDeferredValue(text.trim()));
  const actions = useActions();
  const matches = actions.filter((row) => row.label.toLowerCase().includes(text.toLowerCase()));
  const rows = [...sounds, ...matches];
  const current = Math.min(at, rows.length - 1);
  const run = (row: Row | undefined): void => {
    if (!row) return;
    onClose();
    row.run();
  };
  const move = (step: number): void => {
    const next = (current + step + rows.length) % Math.max(1, rows.length);
    setAt(next);
    list.current
      ?.querySelectorAll("[role=option]")
      .item(next)
      ?.scrollIntoView({ block: "nearest" });
  };
  return (
    <Dialog label="Commands" className="palette" onClose={onClose}>
      <div className="palette-input">
        <Icon name="search" className="fg1" />
        <input
          role="combobox"
          aria-expanded="true"
          aria-controls={listId}
          aria-activedescendant={rows[current] ? `${listId}-${current}` : undefined}
          aria-label="Find a sound, an action or a place"
          placeholder="Find a sound, an action or a place"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setAt(0);
          }}
          onKeyDown={(event) => {
            if (event.key === "ArrowDown") move(1);
            else if (event.key === "ArrowUp") move(-1);
            else if (event.key === "Enter") run(rows[current]);
            else return;
            event.preventDefault();
          }}
        />
        <span className="kbd">Esc</span>
      </div>
      <div ref={list} id={listId} role="listbox" aria-label="Results">
        {rows.map((row, index) => (
          <div key={row.id} role="presentation">
            {row.group !== rows[index - 1]?.group && <h3 role="presentation">{row.group}</h3>}
            <div
              id={`${listId}-${index}`}
              role="option"
              aria-selected={index === current}
              className="palette-row"
              onPointerMove={() => setAt(index)}
              onClick={() => run(row)}
            >
              <Icon name={row.icon} className="fg1" />
              <span className="ellipsis">
                <Match text={row.label} query={text} />
              </span>
              <span className="grow fg2 t12 ellipsis">{row.detail}</span>
              {row.cap !== "" && <span className="kbd">{row.cap}</span>}
            </div>
          </div>
        ))}
        {rows.length === 0 && (
          <p className="fg2" style={{ padding: 14 }}>{`Nothing is called “${text}”.`}</p>
        )}
      </div>
    </Dialog>
  );
}

function Match({ text, query }: { text: string; query: string }) {
  const at = query === "" ? -1 : text.toLowerCase().indexOf(query.toLowerCase());
  if (at < 0) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + query.length)}</mark>
      {text.slice(at + query.length)}
    </>
  );
}

function useSounds(text: string): readonly Row[] {
  const search = useQuery({
    queryKey: ["search", "palette", text],
    enabled: text.length >= 2,
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) =>
      data(api.GET("/v1/search", { params: { query: { q: text, limit: MAX_SOUNDS } }, signal })),
  });
  if (text.length < 2) return [];
  return (search.data?.items ?? []).map(({ item }) => ({
    id: item.id,
    group: "Sounds",
    icon: "track",
    label: item.name,
    detail: item.audio ? formatLength(item.audio.duration) : "",
    cap: "",
    run: () =>
      navigate(
        item.kind === "track"
          ? `/tracks/${item.id}`
          : `/crate?at=${item.id}&q=${encodeURIComponent(text)}`,
      ),
  }));
}

function useActions(): readonly Row[] {
  return useActiveKeys()
    .filter((entry) => !entry.hidden)
    .map((entry) => ({
      id: entry.command,
      group: entry.command.startsWith("go-") ? "Go to" : "Actions",
      icon: entry.command.startsWith("go-") ? ("right" as const) : ("wand" as const),
      label: entry.label.replace(/^Go to /, ""),
      detail: "",
      cap: entry.chords[0] === undefined ? "" : chordLabel(entry.chords[0]),
      run: () => void runCommand(entry.command),
    }))
    .sort((a, b) => a.group.localeCompare(b.group));
}
