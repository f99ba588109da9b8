import { expect, test } from "vitest";
import { queries, showChange } from "./cache";

test("an answer that was asked for before a value was shown does not replace it", async () => {
  const queryKey = ["shown"];
  queries.setQueryData(queryKey, ["old"]);
  let answer: (value: readonly string[]) => void = () => undefined;
  const asked = queries.fetchQuery({
    queryKey,
    staleTime: 0,
    queryFn: () => new Promise<readonly string[]>((resolve) => (answer = resolve)),
  });
  showChange<readonly string[]>(queryKey, (known) => [...known, "new"]);
  answer(["old"]);
  await asked;
  expect(queries.getQueryData(queryKey)).toEqual(["old", "new"]);
});

test("a value that nobody has read is not made up", () => {
  showChange<readonly string[]>(["unknown"], (known) => [...known, "new"]);
  expect(queries.getQueryData(["unknown"])).toBeUndefined();
});
