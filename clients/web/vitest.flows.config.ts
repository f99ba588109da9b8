import { defineConfig } from "vitest/config";

/** Browser flows against a real server: one file at a time, because the machine is shared. */
export default defineConfig({
  test: {
    include: ["tests/**/*.flow.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 180_000,
  },
});
