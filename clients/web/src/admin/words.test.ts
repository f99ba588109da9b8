import { expect, test } from "vitest";
import { ageText, quotaText, readQuota, whenText } from "./words";

test("times are short, with the day if it is another", () => {
  const now = new Date("2026-11-30T12:00:00");
  expect(whenText("2026-11-30T09:05:00", now)).toBe("09:05");
  expect(whenText("2026-11-02T09:05:00", now)).toBe("2 Nov, 09:05");
  expect(whenText("2025-11-02T09:05:00", now)).toBe("2 Nov 2025, 09:05");
  expect([12, 247, 3_730, 90_000, 300_000].map(ageText)).toEqual([
    "12\u2009s",
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
