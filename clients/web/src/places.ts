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
];

export const TAB_PLACES: readonly Place[] = [
  ...NAV_PLACES,
  { path: "/activity", label: "Activity", icon: "clock" },
  { path: "/settings", label: "Settings", icon: "gear" },
];

export type Route =
  | { readonly kind: "crate" | "tracks" | "activity" | "unknown" }
  | { readonly kind: "track"; readonly item: string }
  | { readonly kind: "settings" | "admin"; readonly section: string };

/** Return what a path shows. */
export function routeOf(path: string): Route {
  const [place = "", detail = "", ...rest] = path.split("/").filter((part) => part !== "");
  if (rest.length > 0) return { kind: "unknown" };
  if (place === "tracks" && detail) return { kind: "track", item: detail };
  if (place === "settings") return { kind: "settings", section: detail || "account" };
  if (place === "admin") return { kind: "admin", section: detail || "workers" };
  if (detail) return { kind: "unknown" };
  if (place === "") return { kind: "crate" };
  if (place === "crate" || place === "tracks" || place === "activity") return { kind: place };
  return { kind: "unknown" };
}
