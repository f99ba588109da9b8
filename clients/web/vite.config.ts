import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vitest/config";

const THEME_SOURCE = new URL("./src/theme-before-paint.js", import.meta.url);

/**
 * Serve the theme script as a hashed file that the page loads before its first paint.
 * A file, because the content security policy forbids inline scripts.
 */
export function themeBeforePaint(): Plugin {
  const source = readFileSync(THEME_SOURCE, "utf8");
  const hash = createHash("sha256").update(source).digest("hex").slice(0, 8);
  const fileName = `assets/theme-${hash}.js`;
  return {
    name: "theme-before-paint",
    configureServer(server) {
      server.middlewares.use(`/${fileName}`, (_request, response) => {
        response.setHeader("Content-Type", "text/javascript");
        response.end(source);
      });
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName, source });
    },
    transformIndexHtml() {
      return [{ tag: "script", attrs: { src: `/${fileName}` }, injectTo: "head-prepend" }];
    },
  };
}

const SERVER = process.env["CRATEDIG_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), themeBeforePaint()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": SERVER, "/objects": SERVER } },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"], environment: "node" },
});
