/** The page: signed out, or the frame with its places. */
import { QueryClientProvider } from "@tanstack/react-query";
import { Shell } from "./frame/shell";
import { queries } from "./data/cache";
import { session } from "./data/session";
import { useStore } from "./data/store";
import { SignIn } from "./sign-in";

export function App() {
  const state = useStore(session);
  if (state.kind === "starting") return <main aria-busy="true" aria-label="Loading" />;
  if (state.kind === "signed-out") return <SignIn />;
  return (
    <QueryClientProvider client={queries}>
      <Shell />
    </QueryClientProvider>
  );
}
