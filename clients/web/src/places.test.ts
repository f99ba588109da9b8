import { expect, test } from "vitest";
import { routeOf } from "./places";

test("each address names its place", () => {
  expect(routeOf("/")).toEqual({ kind: "crate" });
  expect(routeOf("/tracks")).toEqual({ kind: "tracks" });
  expect(routeOf("/tracks/0197")).toEqual({ kind: "track", item: "0197" });
  expect(routeOf("/settings")).toEqual({ kind: "settings", section: "account" });
  expect(routeOf("/settings/keys")).toEqual({ kind: "settings", section: "keys" });
  expect(routeOf("/admin")).toEqual({ kind: "admin", section: "workers" });
  expect(routeOf("/map")).toEqual({ kind: "unknown" });
  expect(routeOf("/crate/teach")).toEqual({ kind: "unknown" });
});
