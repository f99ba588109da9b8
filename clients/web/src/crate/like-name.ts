import { useQuery } from "@tanstack/react-query";
import { api, data } from "../data/api";
import { ProblemError } from "../data/problem-error";
import { baseName } from "../parts/format";
import { nameOfQuerySound } from "../uploads/query-sound";

/** Return the name of the item or query sound that the list is ordered by likeness to. */
export function useLikeName(like: string | null): string | null {
  const name = useQuery({
    queryKey: ["crate", "like-name", like],
    queryFn: ({ signal }) => nameOf(like ?? "", signal),
    enabled: like !== null,
    staleTime: Infinity,
  });
  return name.data ?? null;
}

async function nameOf(id: string, signal: AbortSignal): Promise<string> {
  const name = nameOfQuerySound(id);
  if (name !== null) return name;
  try {
    const item = await data(
      api.GET("/v1/items/{item}", { params: { path: { item: id } }, signal }),
    );
    return baseName(item.name);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 404) throw error;
  }
  try {
    const path = { sound: id };
    return (await data(api.GET("/v1/query-sounds/{sound}", { params: { path }, signal }))).name;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return "a sound that is gone";
    throw error;
  }
}
