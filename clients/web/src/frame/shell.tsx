/** The frame around every place, and the commands that work everywhere. */
import { Suspense, lazy, useEffect, useState } from "react";
import { toastFinishedRuns } from "../activity/finished";
import { WorkProvider } from "../activity/work-context";
import { navigate, useAddress } from "../address";
import { onLiveEvent, startEvents } from "../data/events";
import { undoQueue } from "../data/undo";
import { problemText } from "../data/problems";
import { session } from "../data/session";
import { useStore } from "../data/store";
import { showToast } from "../data/toasts";
import { useKeys } from "../keys/commands";
import { Link } from "../parts/link";
import { Icon } from "../parts/icon";
import { TAB_PLACES, routeOf, type Route } from "../places";
import { SessionDialog } from "../sign-in/session-dialog";
import { saveFinishedExports } from "../export/jobs";
import { exportSubject, type ExportSubject } from "../export/open";
import { importDialog } from "../imports/data";
import { toastFinishedImports } from "../imports/finished";
import { DropZone } from "../uploads/drop-zone";
import { processReadyItems } from "../uploads/processing";
import { restoreUploads } from "../uploads/queue";
import { CratePlace } from "./crate-place";
import { KeysSheet } from "./keys-sheet";
import { Palette } from "./palette";
import { Strips } from "./strips";
import { Toast } from "./toast";
import { TopBar } from "./top-bar";
import { Transport } from "./transport";

const Tray = lazy(() => import("../crate/tray").then((module) => ({ default: module.Tray })));
const Track = lazy(() => import("../track").then((module) => ({ default: module.Track })));
const Tracks = lazy(() => import("../tracks").then((module) => ({ default: module.Tracks })));
const Teach = lazy(() => import("../teach").then((module) => ({ default: module.Teach })));
const MapPlace = lazy(() => import("../map").then((module) => ({ default: module.MapPlace })));
const Activity = lazy(() => import("../activity").then((module) => ({ default: module.Activity })));
const Admin = lazy(() => import("../admin").then((module) => ({ default: module.Admin })));
const Settings = lazy(() => import("../settings").then((module) => ({ default: module.Settings })));

const Export = lazy(() => import("../export").then((module) => ({ default: module.Export })));

const ImportDialog = lazy(() =>
  import("../imports/dialog").then((module) => ({ default: module.ImportDialog })),
);

const ActivityDrawer = lazy(() =>
  import("../activity/drawer").then((module) => ({ default: module.ActivityDrawer })),
);

type Overlay = "none" | "palette" | "keys" | "activity";

/** Below this width in pixels Activity opens as a page. */
const MIN_DRAWER_PAGE = 641;

export function Shell() {
  const { path } = useAddress();
  const state = useStore(session);
  const [overlay, setOverlay] = useState<Overlay>("none");
  const exported = useStore(exportSubject);
  const isImporting = useStore(importDialog);
  const account = "account" in state ? state.account.id : "";
  const isAdmin = "account" in state && state.account.admin;
  useEffect(() => {
    restoreUploads();
    void processReadyItems();
    const stopListening = onLiveEvent((event) => {
      if (event.type === "item.changed" || event.type === "job.succeeded") void processReadyItems();
    });
    const stopToasts = toastFinishedRuns();
    const stopExports = saveFinishedExports();
    const stopImports = toastFinishedImports();
    const stopEvents = startEvents();
    return () => {
      stopImports();
      stopExports();
      stopListening();
      stopToasts();
      stopEvents();
    };
  }, [account]);
  useKeys({
    palette: () => setOverlay((now) => (now === "palette" ? "none" : "palette")),
    keys: () => setOverlay("keys"),
    "go-crate": () => navigate("/crate"),
    "go-tracks": () => navigate("/tracks"),
    "go-teach": () => navigate("/crate/teach"),
    "go-map": () => navigate("/map"),
    "go-settings": () => navigate("/settings/account"),
    // A page of its own: it is no place of this one.
    "go-api": () => window.location.assign("/docs"),
    import: () => importDialog.set(true),
    ...(isAdmin && { "go-admin": () => navigate("/admin/workers") }),
    activity: () => {
      if (path === "/activity") return;
      if (window.innerWidth < MIN_DRAWER_PAGE) navigate("/activity");
      else setOverlay((now) => (now === "activity" ? "none" : "activity"));
    },
    undo: () => void step("undo"),
    redo: () => void step("redo"),
  });
  return (
    <WorkProvider detailed={path === "/activity" || overlay === "activity"}>
      <div className="app">
        <TopBar />
        <Strips />
        <div className="place">
          <Suspense fallback={<main aria-busy="true" aria-label="Loading" />}>
            <PlaceOf route={routeOf(path)} isAdmin={isAdmin} />
          </Suspense>
        </div>
        <div className="tray-slot">
          <Suspense>
            <Tray />
          </Suspense>
        </div>
        <Transport />
        <nav className="tabs" aria-label="Places">
          {TAB_PLACES.map((place) => (
            <Link
              key={place.path}
              href={place.path}
              aria-current={path.startsWith(place.path) ? "page" : undefined}
            >
              <Icon name={place.icon} />
              {place.label}
            </Link>
          ))}
        </nav>
        <DropZone />
        <Toast />
        {overlay === "activity" && (
          <Suspense fallback={null}>
            <ActivityDrawer onClose={() => setOverlay("none")} />
          </Suspense>
        )}
        {exported !== null && (
          <Suspense fallback={null}>
            <Export key={exportKey(exported)} subject={exported} />
          </Suspense>
        )}
        {isImporting && (
          <Suspense fallback={null}>
            <ImportDialog />
          </Suspense>
        )}
        {overlay === "palette" && <Palette onClose={() => setOverlay("none")} />}
        {overlay === "keys" && <KeysSheet onClose={() => setOverlay("none")} />}
        {state.kind === "expired" && <SessionDialog account={state.account} />}
      </div>
    </WorkProvider>
  );
}

/** A selection that becomes a collection stays the same dialog, so that its choices stay. */
function exportKey(subject: ExportSubject): string {
  return subject.kind === "item" ? subject.id : "sounds";
}

async function step(direction: "undo" | "redo"): Promise<void> {
  try {
    const edit = await undoQueue[direction]();
    if (!edit) showToast(direction === "undo" ? "Nothing to undo." : "Nothing to redo.");
    else showToast(direction === "undo" ? `Undone: ${edit.label}` : `Done again: ${edit.label}`);
  } catch (error) {
    showToast(problemText(error));
  }
}

function PlaceOf({ route: asked, isAdmin }: { route: Route; isAdmin: boolean }) {
  // What only administrators may see is, for others, an address that nothing has.
  const route: Route = asked.kind === "admin" && !isAdmin ? { kind: "unknown" } : asked;
  switch (route.kind) {
    case "crate":
      return <CratePlace />;
    case "tracks":
      return <Tracks />;
    case "track":
      return <Track key={route.item} item={route.item} />;
    case "teach":
      return <Teach tag={route.tag} />;
    case "map":
      return <MapPlace name={route.name} />;
    case "activity":
      return <Activity />;
    case "settings":
      return <Settings section={route.section} />;
    case "admin":
      return <Admin section={route.section} />;
    case "unknown":
      return (
        <main className="plain-page">
          <h1 className="page-title">Nothing has this address</h1>
          <p className="fg1" style={{ marginTop: 6 }}>
            <Link className="link" href="/crate">
              Go to the Crate
            </Link>
          </p>
        </main>
      );
  }
}
