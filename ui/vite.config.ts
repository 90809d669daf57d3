import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
// @ts-expect-error plain JavaScript, shared with the scripts
import { catalogs } from "./scripts/catalogs.mjs";
// @ts-expect-error plain JavaScript, shared with the scripts
import { precompress } from "./scripts/precompress.mjs";

const root = fileURLToPath(new URL(".", import.meta.url)).replace(/\/$/, "");
const server = process.env.NINES_URL ?? "http://127.0.0.1:9998";

export default defineConfig({
  plugins: [react(), catalogs(root), precompress(`${root}/dist`)],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: { "/api": server, "/first-run": server } },
});
