/** The Crate's code, which the page asks for while the server still takes up the session. */

export function loadCrate() {
  return import("../crate");
}
