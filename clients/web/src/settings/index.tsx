/** Settings: account, password, keys, webhooks, appearance, shortcuts. */
import { session } from "../data/session";
import { useStore } from "../data/store";
import { Link } from "../parts/link";
import { Sections } from "../parts/sections";
import "../styles/settings.css";
import { AccountSettings } from "./account";
import { AppearanceSettings } from "./appearance";
import { KeysSettings } from "./api-keys";
import { PasswordSettings } from "./password";
import { ShortcutSettings } from "./shortcuts";
import { WebhooksSettings } from "./webhooks";
import { SyncedFolder } from "../export/synced-folder";

const SECTIONS = [
  { id: "account", label: "Account", Content: AccountSettings },
  { id: "password", label: "Password", Content: PasswordSettings },
  { id: "keys", label: "API keys", Content: KeysSettings },
  { id: "webhooks", label: "Webhooks", Content: WebhooksSettings },
  { id: "appearance", label: "Appearance", Content: AppearanceSettings },
  { id: "sync", label: "Synced folder", Content: SyncedFolder },
  { id: "shortcuts", label: "Shortcuts", Content: ShortcutSettings },
] as const;

export function Settings({ section }: { section: string }) {
  const state = useStore(session);
  const isAdmin = "account" in state && state.account.admin;
  return (
    <Sections label="Settings" address="/settings" sections={SECTIONS} section={section}>
      {isAdmin && <Link href="/admin/workers">Administration</Link>}
    </Sections>
  );
}
