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
import { resumeSession, session, signInWithCode } from "./data/session";
import { problemText } from "./data/problems";
import { showToast } from "./data/toasts";
import { listenToKeys } from "./keys/commands";

async function start(): Promise<void> {
  const query = new URLSearchParams(window.location.search);
  const code = query.get("signin");
  if (code === null) return resumeSession();
  query.delete("signin");
  const rest = query.toString();
  navigate(window.location.pathname + (rest ? `?${rest}` : ""), { replace: true });
  try {
    await signInWithCode(code);
  } catch (error) {
    showToast(problemText(error));
    await resumeSession();
  }
}

listenToKeys(window);
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
