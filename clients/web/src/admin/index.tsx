/** Administration of the server, for administrators only. */
import { Sections } from "../parts/sections";
import "../styles/settings.css";
import { Accounts } from "./accounts";
import "./admin.css";
import { Audit } from "./audit";
import { DeadLetters, Models, Queues, Storage, Webhooks, Workers } from "./sections";

const SECTIONS = [
  { id: "workers", label: "Workers", Content: Workers },
  { id: "queues", label: "Queues", Content: Queues },
  { id: "dead-letters", label: "Dead letters", Content: DeadLetters },
  { id: "storage", label: "Storage", Content: Storage },
  { id: "models", label: "Models", Content: Models },
  { id: "webhooks", label: "Webhooks", Content: Webhooks },
  { id: "accounts", label: "Accounts", Content: Accounts },
  { id: "audit", label: "Audit log", Content: Audit },
] as const;

export function Admin({ section }: { section: string }) {
  return <Sections label="Administration" address="/admin" sections={SECTIONS} section={section} />;
}
