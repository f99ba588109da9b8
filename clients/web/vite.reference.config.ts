import { defineConfig } from "vite";
import { themeBeforePaint } from "./vite.config.ts";

/**
 * The page of the API: a build of its own beside the client's, so that nothing of its renderer can
 * get into the client's chunks.
 */
export default defineConfig({
  plugins: [themeBeforePaint()],
  publicDir: false,
  define: { __VUE_OPTIONS_API__: "true", __VUE_PROD_DEVTOOLS__: "false" },
  build: {
    target: "es2022",
    emptyOutDir: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 6000,
    rollupOptions: { input: "api-reference.html" },
  },
});
