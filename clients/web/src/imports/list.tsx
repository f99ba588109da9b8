/** The imports of the account, as Activity shows them. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Icon } from "../parts/icon";
import { Link } from "../parts/link";
import {
  importsQuery,
  isOpen,
  refusedQuery,
  shareDone,
  stateText,
  stopImport,
  type Import,
} from "./data";
import "./imports.css";

/** Imports that ended are shown for this long, in milliseconds. */
const KEPT_MS = 7 * 24 * 3_600_000;

/** Whether an import is listed under Now, Done or Failed. */
function isShown(each: Import, show: "now" | "done" | "failed", now: number): boolean {
  const failed = each.state === "failed" || (each.files?.refused ?? 0) > 0;
  if (show === "failed") return failed;
  if (show === "done") return !isOpen(each) && !failed;
  return isOpen(each) || now - Date.parse(each.updated) < KEPT_MS;
}

export function Imports({ show, now }: { show: "now" | "done" | "failed"; now: number }) {
  const imports = useQuery(importsQuery).data ?? [];
  const shown = imports.filter((each) => isShown(each, show, now));
  if (shown.length === 0) return null;
  return (
    <section className="imports" aria-label="Imports">
      <h2>Imports</h2>
      <ul>
        {shown.map((each) => (
          <ImportRow key={each.id} each={each} />
        ))}
      </ul>
    </section>
  );
}

function ImportRow({ each }: { each: Import }) {
  const [isOpened, setIsOpened] = useState(false);
  const refused = each.files?.refused ?? 0;
  const percent = Math.round(shareDone(each) * 100);
  return (
    <li className="import">
      <div className="row">
        <span className="grow ellipsis">{each.title || each.reference}</span>
        {refused > 0 && (
          <button
            type="button"
            className="btn small quiet"
            aria-expanded={isOpened}
            onClick={() => setIsOpened(!isOpened)}
          >
            Why {refused} refused
          </button>
        )}
        {isOpen(each) && (
          <button type="button" className="btn small quiet" onClick={() => void stopImport(each)}>
            Stop<span className="sr-only"> {each.title}</span>
          </button>
        )}
        {each.collection && (each.files?.added ?? 0) + (each.files?.duplicate ?? 0) > 0 && (
          <Link className="link t12" href={`/crate?in=${each.collection}`}>
            Open<span className="sr-only"> {each.title}</span>
          </Link>
        )}
      </div>
      {isOpen(each) && (
        <i
          className="bar"
          role="progressbar"
          aria-label={each.title}
          aria-valuenow={percent}
          style={{ "--progress": `${percent}%` } as React.CSSProperties}
        />
      )}
      <p className={each.state === "failed" ? "t12 danger" : "t12 fg2"}>{stateText(each)}</p>
      {isOpened && <Refused id={each.id} />}
    </li>
  );
}

function Refused({ id }: { id: string }) {
  const page = useQuery(refusedQuery(id)).data;
  if (!page) return null;
  return (
    <ul className="import-refused t12">
      {page.items.map((file) => (
        <li key={file.position}>
          <Icon name="warn" className="danger" />
          <span>
            {file.name}: <span className="fg2">{file.reason}</span>
          </span>
        </li>
      ))}
      {page.next !== null && <li className="fg2">These are the first {page.items.length}.</li>}
    </ul>
  );
}
