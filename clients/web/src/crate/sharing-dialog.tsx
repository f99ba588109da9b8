/** Sharing a collection by a link that works without an account. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useAttempt } from "../parts/attempt";
import { copyText } from "../parts/copy-text";
import { Dialog } from "../parts/dialog";
import { Segmented } from "../parts/segmented";
import { createLink, linksQuery, revokeLink, type Link, type PublicAccess } from "./sharing-data";
import "./sharing.css";
import type { Collection } from "./types";

const DAYS = [1, 7, 30, 90, 366];
const ACCESSES: readonly { readonly value: PublicAccess; readonly label: string }[] = [
  { value: "listen", label: "Listen" },
  { value: "download", label: "Listen and download" },
];

export function SharingDialog({
  collection,
  onClose,
}: {
  collection: Collection;
  onClose: () => void;
}) {
  const links = useQuery(linksQuery(collection.id));
  const [access, setAccess] = useState<PublicAccess>("listen");
  const [days, setDays] = useState(30);
  const [address, setAddress] = useState("");
  const { isBusy, problem, attempt } = useAttempt();
  const create = (): Promise<void> =>
    attempt(async () => {
      const made = await createLink(collection, access, days);
      setAddress(made);
      // If the browser does not let the page copy, the address is shown and can be selected.
      await copyText(made, {
        copied: "The link is copied.",
        refused: "The link is made. Copy it from the dialog.",
      });
    });
  return (
    <Dialog label={`Share ${collection.name}`} className="dialog sharing" onClose={onClose}>
      <h2>Share {collection.name}</h2>
      <p className="fg1">Whoever has the link hears the collection, without an account.</p>
      <div className="row sharing-choices">
        <Segmented label="What it allows" value={access} options={ACCESSES} onChange={setAccess} />
        <select
          className="select"
          aria-label="How long it works"
          value={days}
          onChange={(event) => setDays(Number(event.target.value))}
        >
          {DAYS.map((each) => (
            <option key={each} value={each}>
              {each === 1 ? "1 day" : `${each} days`}
            </option>
          ))}
        </select>
      </div>
      <button
        type="button"
        className="btn primary"
        data-autofocus
        disabled={isBusy}
        onClick={() => void create()}
      >
        Copy link
      </button>
      {address !== "" && (
        <p className="sharing-address">
          <input
            className="field"
            aria-label="Address of the link"
            readOnly
            value={address}
            onFocus={(event) => event.target.select()}
          />
          <span className="t12 fg2">It is not shown again.</span>
        </p>
      )}
      {problem !== "" && (
        <p className="danger" role="alert">
          {problem}
        </p>
      )}
      {(links.data ?? []).length > 0 && (
        <ul className="sharing-links" aria-label="Links that work">
          {links.data?.map((link) => (
            <li key={link.id}>
              <span>{linkText(link)}</span>
              <button
                type="button"
                className="btn small"
                disabled={isBusy}
                onClick={() => void attempt(() => revokeLink(collection, link))}
              >
                Revoke
              </button>
            </li>
          ))}
        </ul>
      )}
      <div className="row sharing-end">
        <button type="button" className="btn quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function linkText(link: Link): string {
  const date = (moment: string): string =>
    new Date(moment).toLocaleDateString("en", { dateStyle: "medium" });
  const allows = link.access === "download" ? "Listen and download" : "Listen";
  return `${allows}, made ${date(link.created)}, until ${date(link.expires)}`;
}
