import { defineConfig } from "vitest/config";

/** Browser flows against a real server: one file at a time, because the machine is shared. */
export default defineConfig({
  test: {
    include: ["tests/**/*.flow.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
    // As long as a machine that does other work may take; a poll that is met ends at once.
    expect: { poll: { timeout: 30_000 } },
  },
});
