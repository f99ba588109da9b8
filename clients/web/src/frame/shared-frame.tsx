/** The frame of a collection that somebody shared: its player, and no place of the account. */
import { Suspense, lazy, useState } from "react";
import { useKeys } from "../keys/commands";
import { Logo } from "../parts/icon";
import { Link } from "../parts/link";
import { KeysSheet } from "./keys-sheet";
import { Toast } from "./toast";
import { Transport } from "./transport";

const SharedPlace = lazy(() =>
  import("../shared").then((module) => ({ default: module.SharedPlace })),
);

export function SharedFrame({ secret, isSignedIn }: { secret: string; isSignedIn: boolean }) {
  const [showsKeys, setShowsKeys] = useState(false);
  useKeys({ keys: () => setShowsKeys(true) });
  return (
    <div className="app shared-frame">
      <header className="top">
        <Link className="brand" href="/crate">
          <Logo />
          Cratedig
        </Link>
        <Link className="btn quiet" href="/crate">
          {isSignedIn ? "Open your crate" : "Sign in"}
        </Link>
      </header>
      <div className="place">
        <Suspense fallback={<main aria-busy="true" aria-label="Loading" />}>
          <SharedPlace secret={secret} />
        </Suspense>
      </div>
      <Transport />
      <Toast />
      {showsKeys && <KeysSheet onClose={() => setShowsKeys(false)} />}
    </div>
  );
}
