/** The server and the browser of one file of flows. */
import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";
import { openBrowser } from "./browser";
import { startServer, type Server } from "./server";

export interface Flow {
  /** Reachable while tests run. */
  readonly server: Pick<Server, "url">;
  readonly browser: Pick<Browser, "newContext">;
}

/** Start a server with an empty catalogue and a browser before the tests of a file; stop both after. */
export function setUpFlow(): Flow {
  let running: { readonly server: Server; readonly browser: Browser } | null = null;
  const started = (): { readonly server: Server; readonly browser: Browser } => {
    if (running === null)
      throw new Error("The server is started before the tests, not before that.");
    return running;
  };
  beforeAll(async () => {
    const [server, browser] = await Promise.all([startServer(), openBrowser()]);
    running = { server, browser };
  });
  afterAll(async () => {
    await running?.browser.close();
    await running?.server.stop();
  });
  return {
    server: {
      get url() {
        return started().server.url;
      },
    },
    browser: { newContext: (options) => started().browser.newContext(options) },
  };
}
