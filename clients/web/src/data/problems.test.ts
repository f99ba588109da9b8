import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PROBLEM_TEXTS, problemText } from "./problems";
import { ProblemError } from "./problem-error";

const SCHEMA = new URL("../../../../contracts/schemas/openapi.json", import.meta.url);

test("every problem code of the API has a text, and no other", () => {
  const schema = JSON.parse(readFileSync(SCHEMA, "utf8")) as {
    components: { schemas: { ProblemCode: { enum: string[] } } };
  };
  const codes = schema.components.schemas.ProblemCode.enum;
  expect(Object.keys(PROBLEM_TEXTS).sort()).toEqual([...codes].sort());
});

test("texts are sentences in plain words", () => {
  for (const text of Object.values(PROBLEM_TEXTS)) {
    expect(text).toMatch(/[.}]$/);
    expect(text.toLowerCase()).not.toMatch(/please|oops|successfully|!|artifact|pipeline/);
  }
});

test("the server's sentence and the trace go into the text", () => {
  expect(problemText(new ProblemError(413, "too_large", "files have at most 8 GiB", ""))).toBe(
    "This is too large. Files have at most 8 GiB.",
  );
  expect(problemText(new ProblemError(500, "internal", "", "7f3a91c2d4e5"))).toContain("7f3a91c2d");
  expect(problemText(new ProblemError(418, "teapot", "", ""))).toContain("our fault");
  expect(problemText(new TypeError("fetch failed"))).toContain("No connection");
});

test("fields of a refused request say what is wrong with them", () => {
  const fields = [{ field: "name", message: "must not be empty" }];
  const problem = new ProblemError(422, "invalid_request", "", "", fields);
  expect(problemText(problem)).toBe("The server could not use this. Must not be empty.");
});
