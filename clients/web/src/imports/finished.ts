/** The toast at the end of an import: "Dusty Drums: 48 sounds added." */
import { navigate } from "../address";
import { api, data } from "../data/api";
import { onLiveEvent } from "../data/events";
import { showToast } from "../data/toasts";
import { finishedImportText } from "./data";

const ENDS = new Set<unknown>(["finished", "failed"]);

/** Show a toast for each import that ends; return a function that stops. */
export function toastFinishedImports(): () => void {
  return onLiveEvent((event) => {
    const id = event.data["import_id"];
    if (event.type !== "import.changed" || typeof id !== "string") return;
    if (ENDS.has(event.data["state"])) void reportImport(id);
  });
}

async function reportImport(id: string): Promise<void> {
  const each = await data(
    api.GET("/v1/imports/{import_id}", { params: { path: { import_id: id } } }),
  );
  const isWhole = each.state === "finished" && (each.files?.refused ?? 0) === 0;
  const address = isWhole && each.collection ? `/crate?in=${each.collection}` : "/activity";
  showToast(finishedImportText(each), {
    label: isWhole && each.collection ? "Open" : "Show",
    run: () => navigate(address),
  });
}
