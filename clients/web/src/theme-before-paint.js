// Runs before the first paint, so that the page never flashes in the wrong theme.
(() => {
  let choice = "dark";
  try {
    choice = localStorage.getItem("cratedig.theme") ?? "dark";
  } catch {
    // Storage can be forbidden; the default stands then.
  }
  const light =
    choice === "light" ||
    (choice === "system" && matchMedia("(prefers-color-scheme: light)").matches);
  document.documentElement.dataset.theme = light ? "light" : "dark";
})();
