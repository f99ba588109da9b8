/** The top bar: places, search, activity, add, keys, account. */
import { useRef, useState } from "react";
import { navigate, setQuery, useAddress } from "../address";
import { useStore } from "../data/store";
import { session } from "../data/session";
import { runCommand, useKeyLabel, useKeys, useTooltip } from "../keys/commands";
import { Icon, Logo } from "../parts/icon";
import { Link } from "../parts/link";
import { NAV_PLACES } from "../places";
import { areFilesDragged } from "../uploads/drop-zone";
import { queryFile } from "../uploads/query-sound";
import { ActivityPill } from "./activity-pill";

export function TopBar() {
  const { path } = useAddress();
  const state = useStore(session);
  const addTip = useTooltip("add");
  const keysTip = useTooltip("keys");
  const email = "account" in state ? state.account.email : "";
  const initials = email.slice(0, 2).toUpperCase();
  return (
    <header className="top">
      <div className="row grow not-phone">
        <Link className="brand" href="/crate" aria-label="Cratedig">
          <Logo />
          <span>Cratedig</span>
        </Link>
        <nav className="places" aria-label="Places">
          {NAV_PLACES.map((place) => (
            <Link
              key={place.path}
              href={place.path}
              aria-current={path.startsWith(place.path) ? "page" : undefined}
            >
              {place.label}
            </Link>
          ))}
        </nav>
      </div>
      <SearchBox />
      <div className="top-right">
        <ActivityPill />
        <button
          type="button"
          className="btn not-phone"
          title={addTip}
          onClick={() => runCommand("add")}
        >
          <Icon name="plus" />
          Add
        </button>
        <button
          type="button"
          className="icon-btn wide-only not-phone"
          aria-label="Keyboard shortcuts"
          title={keysTip}
          onClick={() => runCommand("keys")}
        >
          <span className="kbd">?</span>
        </button>
        <Link
          className="avatar not-phone"
          href="/settings/account"
          aria-label={`${initials}, account ${email}`}
          title={email}
        >
          {initials}
        </Link>
      </div>
    </header>
  );
}

/** The search box: on the Crate it edits the query; elsewhere Enter takes it there. */
function SearchBox() {
  const { path, query } = useAddress();
  const inCrate = path === "/crate";
  const [draft, setDraft] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const cap = useKeyLabel("search");
  const isDrop = useStore(areFilesDragged);
  const file = useStore(queryFile);
  useKeys({
    search: () => {
      input.current?.focus();
      input.current?.select();
    },
  });
  return (
    <form
      className={isDrop ? "omni drop" : "omni"}
      data-search-drop
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        if (!inCrate) navigate(`/crate?q=${encodeURIComponent(draft)}`);
        setDraft("");
        input.current?.blur();
      }}
    >
      <Icon name="search" />
      {(isDrop || file !== "") && (
        <span className="omni-note ellipsis" role="status">
          {isDrop ? "Drop here to find what sounds like it" : `Listening to ${file}`}
        </span>
      )}
      <input
        ref={input}
        type="search"
        aria-label="Search"
        placeholder="Name, tag or meaning"
        value={inCrate ? (query.get("q") ?? "") : draft}
        onChange={(event) => {
          const text = event.target.value;
          if (inCrate) setQuery({ q: text === "" ? null : text }, { replace: true });
          else setDraft(text);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      {cap !== undefined && <span className="kbd not-phone">{cap}</span>}
    </form>
  );
}
