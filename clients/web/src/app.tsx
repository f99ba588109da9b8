/** The page: signed out, the frame with its places, or a collection that somebody shared. */
import { QueryClientProvider } from "@tanstack/react-query";
import { useAddress } from "./address";
import { SharedFrame } from "./frame/shared-frame";
import { Shell } from "./frame/shell";
import { linkSecretOf } from "./places";
import { queries } from "./data/cache";
import { session } from "./data/session";
import { useStore } from "./data/store";
import { SignIn } from "./sign-in";

export function App() {
  const state = useStore(session);
  const secret = linkSecretOf(useAddress().path);
  if (secret !== null) {
    return (
      <QueryClientProvider client={queries}>
        <SharedFrame key={secret} secret={secret} isSignedIn={state.kind === "signed-in"} />
      </QueryClientProvider>
    );
  }
  if (state.kind === "starting") return <main aria-busy="true" aria-label="Loading" />;
  if (state.kind === "signed-out") return <SignIn />;
  return (
    <QueryClientProvider client={queries}>
      <Shell />
    </QueryClientProvider>
  );
}
