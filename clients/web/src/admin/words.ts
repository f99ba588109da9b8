/** Texts of Administration. */
import { UNIT_SPACE, formatClock } from "../parts/format";
import type { AuditEntry } from "./data";

const GIGABYTE = 1e9;

/** Return seconds as a person says them: `12 s`, `4:07`, `1:02:10`, `3 days`. */
export function ageText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)}${UNIT_SPACE}s`;
  if (seconds < 86_400) return formatClock(seconds);
  const days = Math.round(seconds / 86_400);
  return days === 1 ? "1 day" : `${days} days`;
}

/** Read a quota in gigabytes: bytes, null for the server's default, undefined if it is no number. */
export function readQuota(text: string): number | null | undefined {
  const typed = text.trim().replace(",", ".");
  if (typed === "") return null;
  const gigabytes = Number(typed);
  return gigabytes >= 0 && Number.isFinite(gigabytes)
    ? Math.round(gigabytes * GIGABYTE)
    : undefined;
}

/** Write a quota in gigabytes for its field; empty for the server's default. */
export function quotaText(bytes: number | null | undefined): string {
  return bytes == null ? "" : String(Number((bytes / GIGABYTE).toFixed(3)));
}

/** Every action of the audit log, as a person says it. */
export const ACTIONS: Readonly<Record<AuditEntry["action"], string>> = {
  "account.created": "Account made",
  "account.deleted": "Account deleted",
  "account.disabled": "Account disabled",
  "account.enabled": "Account enabled",
  "admin.granted": "Made an administrator",
  "admin.revoked": "No longer an administrator",
  "admin.read": "Read as administrator",
  "dead_letter.replayed": "Dead letter replayed",
  "identity.linked": "Linked to an organisation",
  "invitation.created": "Invitation made",
  "invitation.revoked": "Invitation revoked",
  "item.deleted": "Item deleted",
  "key.created": "API key made",
  "key.deleted": "API key revoked",
  "one_time_link.created": "One-time link made",
  "password.changed": "Password changed",
  "password.cleared": "Password cleared",
  "quota.changed": "Quota changed",
  "sign_in.succeeded": "Signed in",
  "sign_in.failed": "Sign-in failed",
  sign_out: "Signed out",
  "token.reused": "Session ended: its token was used twice",
};
