/** The tags that the user has given, for choosing one. */

import { queryOptions } from "@tanstack/react-query";
import { api, data } from "../data/api";

/** The first 200 tags in alphabetical order, with how many items have each. */
export const tagsQuery = queryOptions({
  queryKey: ["tags"],
  queryFn: async ({ signal }) =>
    (await data(api.GET("/v1/tags", { params: { query: { limit: 200 } }, signal }))).items,
});
