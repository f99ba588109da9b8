/** Whether the server can be reached, and since when it cannot. */
import { createStore } from "./store";

/** Time since which the server is out of reach; `null` while it answers. */
export const offlineSince = createStore<Date | null>(navigator.onLine ? null : new Date());

export function setOnline(online: boolean): void {
  offlineSince.set((since) => (online ? null : (since ?? new Date())));
}

window.addEventListener("online", () => setOnline(true));
window.addEventListener("offline", () => setOnline(false));
