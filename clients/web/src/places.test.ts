import { expect, test } from "vitest";
import { routeOf } from "./places";

test("each address names its place", () => {
  expect(routeOf("/")).toEqual({ kind: "crate" });
  expect(routeOf("/tracks")).toEqual({ kind: "tracks" });
  expect(routeOf("/tracks/0197")).toEqual({ kind: "track", item: "0197" });
  expect(routeOf("/settings")).toEqual({ kind: "settings", section: "account" });
  expect(routeOf("/settings/keys")).toEqual({ kind: "settings", section: "keys" });
  expect(routeOf("/admin")).toEqual({ kind: "admin", section: "workers" });
  expect(routeOf("/map")).toEqual({ kind: "map", name: null });
  expect(routeOf("/map/everything")).toEqual({ kind: "map", name: "everything" });
  expect(routeOf("/crate/teach")).toEqual({ kind: "teach", tag: null });
  expect(routeOf("/crate/teach/too%20bright")).toEqual({ kind: "teach", tag: "too bright" });
  expect(routeOf("/crate/teach/a%2Fb")).toEqual({ kind: "teach", tag: "a/b" });
  expect(routeOf("/crate/teach/100%")).toEqual({ kind: "teach", tag: "100%" });
  expect(routeOf("/crate/teach/a/b")).toEqual({ kind: "unknown" });
  expect(routeOf("/studio")).toEqual({ kind: "unknown" });
});
