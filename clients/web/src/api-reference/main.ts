/** The page `/docs`: the API with search, examples, and calls that are sent from the page. */
import { createApiReference } from "@scalar/api-reference";
import "@scalar/api-reference/style.css";
import { resumeSession, session } from "../data/session";
import "../styles/tokens.css";
import { theme } from "../theme";
import "./page.css";
import { authorize } from "./signing";

const WHO: Readonly<Record<ReturnType<typeof session.get>["kind"], string>> = {
  starting: "",
  "signed-in": "Signed in: calls that you try go out in your name and change your library.",
  expired: "Your session has ended. Sign in again, or paste an API key below.",
  "signed-out": "Not signed in: sign in, or paste an API key below, to try calls.",
};

function showWho(): void {
  const place = document.getElementById("who");
  if (place) place.textContent = WHO[session.get().kind];
}

session.subscribe(showWho);
resumeSession().catch(() => session.set({ kind: "signed-out" }));

createApiReference("#reference", {
  url: "/openapi.json",
  baseServerURL: window.location.origin,
  authentication: { preferredSecurityScheme: "bearer" },
  onBeforeRequest: ({ request }) => authorize(request),
  // Nothing is loaded from, or sent to, another host.
  withDefaultFonts: false,
  telemetry: false,
  agent: { disabled: true },
  showDeveloperTools: "never",
  hideClientButton: true,
  // The first lines of descriptions are verbs alone; paths tell operations apart.
  operationTitleSource: "path",
  documentDownloadType: "none",
  defaultHttpClient: { targetKey: "shell", clientKey: "curl" },
  forceDarkModeState: theme.get(),
  hideDarkModeToggle: true,
});
