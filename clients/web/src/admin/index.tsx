/** Administration of the server, for administrators only. */
import { Link } from "../parts/link";
import "../styles/settings.css";
import { Accounts } from "./accounts";
import "./admin.css";
import { Audit } from "./audit";
import { DeadLetters, Models, Queues, Storage, Workers } from "./sections";

const SECTIONS = [
  { id: "workers", label: "Workers", Content: Workers },
  { id: "queues", label: "Queues", Content: Queues },
  { id: "dead-letters", label: "Dead letters", Content: DeadLetters },
  { id: "storage", label: "Storage", Content: Storage },
  { id: "models", label: "Models", Content: Models },
  { id: "accounts", label: "Accounts", Content: Accounts },
  { id: "audit", label: "Audit log", Content: Audit },
] as const;

export function Admin({ section }: { section: string }) {
  const current = SECTIONS.find(({ id }) => id === section) ?? SECTIONS[0];
  return (
    <div className="settings">
      <nav aria-label="Administration">
        {SECTIONS.map(({ id, label }) => (
          <Link
            key={id}
            href={`/admin/${id}`}
            aria-current={id === current.id ? "page" : undefined}
          >
            {label}
          </Link>
        ))}
      </nav>
      <main>
        <h1 className="page-title">{current.label}</h1>
        <current.Content />
      </main>
    </div>
  );
}
