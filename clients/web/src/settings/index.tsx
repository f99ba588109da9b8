/** Settings: account, password, keys, appearance, shortcuts. */
import { session } from "../data/session";
import { useStore } from "../data/store";
import { Link } from "../parts/link";
import "../styles/settings.css";
import { AccountSettings } from "./account";
import { AppearanceSettings } from "./appearance";
import { KeysSettings } from "./api-keys";
import { PasswordSettings } from "./password";
import { ShortcutSettings } from "./shortcuts";

const SECTIONS = [
  { id: "account", label: "Account", Content: AccountSettings },
  { id: "password", label: "Password", Content: PasswordSettings },
  { id: "keys", label: "API keys", Content: KeysSettings },
  { id: "appearance", label: "Appearance", Content: AppearanceSettings },
  { id: "shortcuts", label: "Shortcuts", Content: ShortcutSettings },
] as const;

export function Settings({ section }: { section: string }) {
  const state = useStore(session);
  const isAdmin = "account" in state && state.account.admin;
  const current = SECTIONS.find(({ id }) => id === section) ?? SECTIONS[0];
  return (
    <div className="settings">
      <nav aria-label="Settings">
        {SECTIONS.map(({ id, label }) => (
          <Link
            key={id}
            href={`/settings/${id}`}
            aria-current={id === current.id ? "page" : undefined}
          >
            {label}
          </Link>
        ))}
        {isAdmin && <Link href="/admin/workers">Administration</Link>}
      </nav>
      <main>
        <h1 className="page-title">{current.label}</h1>
        <current.Content />
      </main>
    </div>
  );
}
