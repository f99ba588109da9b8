/** Start the page: session first, then the frame. */
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/frame.css";
import "./styles/sign-in.css";
import { navigate } from "./address";
import { App } from "./app";
import { setOnline } from "./data/online";
import { loadCrate } from "./frame/load-crate";
import { providerProblem, SIGN_IN_ERROR, SIGNED_IN } from "./data/providers";
import { resumeSession, session, signInWithCode, startProviderSession } from "./data/session";
import { problemText } from "./data/problems";
import { showToast } from "./data/toasts";
import { listenToKeys } from "./keys/commands";
import { routeOf } from "./places";

async function start(): Promise<void> {
  const query = new URLSearchParams(window.location.search);
  const code = query.get("signin");
  const signedIn = query.has(SIGNED_IN);
  const failure = query.get(SIGN_IN_ERROR);
  if (code === null && failure === null && !signedIn) return resumeSession();
  for (const name of ["signin", SIGNED_IN, SIGN_IN_ERROR]) query.delete(name);
  const rest = query.toString();
  navigate(window.location.pathname + (rest ? `?${rest}` : ""), { replace: true });
  if (failure !== null) showToast(providerProblem(failure));
  if (code === null) return signedIn ? startProviderSession() : resumeSession();
  try {
    await signInWithCode(code);
  } catch (error) {
    showToast(problemText(error));
    await resumeSession();
  }
}

listenToKeys(window);
// The Crate has one address, whatever brought somebody here.
if (window.location.pathname === "/") {
  navigate(`/crate${window.location.search}`, { replace: true });
}
if (routeOf(window.location.pathname).kind === "crate") {
  // If this fails, the place asks again, and says so.
  loadCrate().catch(() => undefined);
}
start().catch(() => {
  setOnline(false);
  session.set({ kind: "signed-out" });
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
