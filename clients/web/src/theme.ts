/** The theme: dark, light, or as the system says; kept on this device. */
import { createStore } from "./data/store";

export type ThemeChoice = "dark" | "light" | "system";

const STORAGE_KEY = "cratedig.theme";
const SYSTEM_LIGHT = window.matchMedia("(prefers-color-scheme: light)");

function isChoice(text: string | null): text is ThemeChoice {
  return text === "dark" || text === "light" || text === "system";
}

function stored(): ThemeChoice {
  const text = localStorage.getItem(STORAGE_KEY);
  return isChoice(text) ? text : "dark";
}

export const themeChoice = createStore<ThemeChoice>(stored());

/** The theme in use; canvases draw again when it changes. */
export const theme = createStore<"dark" | "light">(resolve(stored()));

function resolve(choice: ThemeChoice): "dark" | "light" {
  if (choice === "system") return SYSTEM_LIGHT.matches ? "light" : "dark";
  return choice;
}

function apply(): void {
  const now = resolve(themeChoice.get());
  document.documentElement.dataset["theme"] = now;
  theme.set(now);
}

export function chooseTheme(choice: ThemeChoice): void {
  localStorage.setItem(STORAGE_KEY, choice);
  themeChoice.set(choice);
  apply();
}

SYSTEM_LIGHT.addEventListener("change", apply);
