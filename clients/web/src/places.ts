/** The places: their addresses, names and icons. */
import type { IconName } from "./parts/icon";

export interface Place {
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
}

export const NAV_PLACES: readonly Place[] = [
  { path: "/crate", label: "Crate", icon: "crate" },
  { path: "/tracks", label: "Tracks", icon: "track" },
  { path: "/map", label: "Map", icon: "map" },
];

export const TAB_PLACES: readonly Place[] = [
  ...NAV_PLACES,
  { path: "/activity", label: "Activity", icon: "clock" },
  { path: "/settings", label: "Settings", icon: "gear" },
];

export type Route =
  | { readonly kind: "crate" | "tracks" | "activity" | "unknown" }
  | { readonly kind: "track"; readonly item: string }
  | { readonly kind: "teach"; readonly tag: string | null }
  | { readonly kind: "map"; readonly name: string | null }
  | { readonly kind: "settings" | "admin"; readonly section: string };

/** Return the secret of the link whose collection a path shows; null for every other path. */
export function linkSecretOf(path: string): string | null {
  const [place, secret, ...rest] = path.split("/").filter((part) => part !== "");
  return place === "shared" && secret && rest.length === 0 ? decoded(secret) : null;
}

/** Return what a path shows. */
export function routeOf(path: string): Route {
  const parts = path.split("/").filter((part) => part !== "");
  const [place = "", detail = "", ...rest] = parts.map(decoded);
  if (place === "crate" && detail === "teach" && rest.length < 2) {
    return { kind: "teach", tag: rest[0] ?? null };
  }
  if (rest.length > 0) return { kind: "unknown" };
  if (place === "tracks" && detail) return { kind: "track", item: detail };
  if (place === "map") return { kind: "map", name: detail || null };
  if (place === "settings") return { kind: "settings", section: detail || "account" };
  if (place === "admin") return { kind: "admin", section: detail || "workers" };
  if (detail) return { kind: "unknown" };
  if (place === "") return { kind: "crate" };
  if (place === "crate" || place === "tracks" || place === "activity") return { kind: place };
  return { kind: "unknown" };
}

/** Return a part of a path as text; as it stands if it cannot be decoded. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
