/** The Crate, or the first run while the account holds nothing. */
import { useQuery } from "@tanstack/react-query";
import { lazy, useEffect } from "react";
import { navigate } from "../address";
import { api, data } from "../data/api";
import { session } from "../data/session";
import { useStore } from "../data/store";
import { toast } from "../data/toasts";
import { uploadEntries } from "../uploads/entries";
import { loadCrate } from "./load-crate";

const Crate = lazy(() => loadCrate().then((module) => ({ default: module.Crate })));
const FirstRun = lazy(() =>
  import("../uploads/first-run").then((module) => ({ default: module.FirstRun })),
);

/** Set to the account that held something when this browser last looked. */
const FILLED_HINT = "cratedig.filled";

export function CratePlace() {
  const state = useStore(session);
  const account = "account" in state ? state.account.id : null;
  const uploading = useStore(uploadEntries).length > 0;
  const items = useQuery({
    queryKey: ["items", "any"],
    queryFn: () => data(api.GET("/v1/items", { params: { query: { limit: 1 } } })),
  });
  const empty = items.data?.items.length === 0;
  const isKnown = items.isSuccess;
  useEffect(() => {
    if (account === null || !isKnown) return;
    if (empty) localStorage.removeItem(FILLED_HINT);
    else localStorage.setItem(FILLED_HINT, account);
  }, [account, isKnown, empty]);
  // An account that held something mostly still does: its Crate need not wait for the answer.
  const isUnknown = items.isPending && localStorage.getItem(FILLED_HINT) !== account;
  // While files arrive, what was read before they did says nothing.
  const isOld = empty && uploading && items.isFetching;
  useEffect(() => {
    // The first files are on their way: there is nothing to see here yet, but there is there.
    if (!empty || !uploading || isOld) return;
    toast.set(null);
    navigate("/activity", { replace: true });
  }, [empty, uploading, isOld]);
  if (isUnknown || isOld) return <main aria-busy="true" aria-label="Loading" />;
  return empty ? <FirstRun /> : <Crate />;
}
