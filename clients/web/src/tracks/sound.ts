/** A song as the transport plays it: its decoded audio as it arrived. */
import type { Sound } from "../audio/player";
import { api, data, type Schemas } from "../data/api";

export function songSound(item: Schemas["Item"]): Sound {
  return {
    key: item.id,
    title: item.name,
    subtitle: "Original",
    href: `/tracks/${item.id}`,
    ...(item.audio ? { duration: item.audio.duration } : {}),
    address: async () => {
      const path = { item: item.id };
      const artifacts = await data(
        api.GET("/v1/items/{item}/artifacts", { params: { path, query: { limit: 200 } } }),
      );
      const audio = artifacts.items.find((artifact) => artifact.kind === "canonical");
      if (!audio) throw new Error("The song has no decoded audio.");
      const artifact = { artifact: audio.id };
      return (
        await data(api.GET("/v1/artifacts/{artifact}/download", { params: { path: artifact } }))
      ).url;
    },
  };
}
