/** The toast: one at a time, above the transport. */
import { createStore } from "./store";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly action?: { readonly label: string; run(): void };
}

export const toast = createStore<Toast | null>(null);
let last = 0;

/** Show a toast in place of the one before. */
export function showToast(text: string, action?: Toast["action"]): void {
  last += 1;
  toast.set({ id: last, text, ...(action ? { action } : {}) });
}
