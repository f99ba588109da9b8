/** Links that share a collection with people who have no account. */
import { queryOptions } from "@tanstack/react-query";
import { api, data, type Schemas } from "../data/api";
import { queries } from "../data/cache";
import type { Collection } from "./types";

export type Link = Schemas["CollectionLink"];
export type PublicAccess = Exclude<Schemas["LinkAccess"], "account">;

function keyOf(collection: string): string[] {
  return ["collections", collection, "links"];
}

/** The links of a collection that work without an account, newest first. */
export function linksQuery(collection: string) {
  return queryOptions({
    queryKey: keyOf(collection),
    queryFn: async ({ signal }): Promise<Link[]> => {
      const params = { path: { collection } };
      const page = await data(api.GET("/v1/collections/{collection}/links", { params, signal }));
      return page.items.filter((link) => link.access !== "account");
    },
  });
}

/** Create a link and return its address, which the server does not tell again. */
export async function createLink(
  collection: Collection,
  access: PublicAccess,
  days: number,
): Promise<string> {
  const params = { path: { collection: collection.id } };
  const link = await data(
    api.POST("/v1/collections/{collection}/links", { params, body: { access, days } }),
  );
  await queries.invalidateQueries({ queryKey: keyOf(collection.id) });
  return `${window.location.origin}/shared/${link.secret}`;
}

/** Revoke a link: it shows nothing any more. */
export async function revokeLink(collection: Collection, link: Link): Promise<void> {
  const params = { path: { collection: collection.id, link: link.id } };
  await data(api.DELETE("/v1/collections/{collection}/links/{link}", { params }));
  await queries.invalidateQueries({ queryKey: keyOf(collection.id) });
}
