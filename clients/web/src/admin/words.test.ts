import { expect, test } from "vitest";
import { ageText, quotaText, readQuota } from "./words";

test("ages are short", () => {
  expect([12, 247, 3_730, 90_000, 300_000].map(ageText)).toEqual([
    "12\u202fs",
    "4:07",
    "1:02:10",
    "1 day",
    "3 days",
  ]);
});

test("a quota is typed in gigabytes; none is the server's default", () => {
  expect(readQuota("2,5")).toBe(2_500_000_000);
  expect(readQuota(" ")).toBeNull();
  expect(readQuota("much")).toBeUndefined();
  expect(readQuota("-1")).toBeUndefined();
  expect(quotaText(2_500_000_000)).toBe("2.5");
  expect(quotaText(null)).toBe("");
});
