import { describe, expect, it } from "vitest";
import { providerAddress, providerProblem } from "./providers";

describe("the address of a provider", () => {
  it("brings the browser back to where it was", () => {
    const here = { pathname: "/crate", search: "?q=kick&new=1&sign_in_error=busy" };
    expect(providerAddress("acme", here)).toBe("/v1/sign-in/acme?return_to=%2Fcrate%3Fq%3Dkick");
  });

  it("has no empty query", () => {
    expect(providerAddress("acme", { pathname: "/", search: "" })).toBe(
      "/v1/sign-in/acme?return_to=%2F",
    );
  });
});

describe("a failed sign-in", () => {
  it("is a sentence, whatever the address says", () => {
    expect(providerProblem("no_group")).toContain("groups");
    expect(providerProblem("toString")).toBe("The sign-in failed.");
    expect(providerProblem("<b>")).toBe("The sign-in failed.");
  });
});
