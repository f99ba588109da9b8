/** What a link leads to: the provider that imports it, told by its address. */

/** A reference that is no web address, such as a number, needs a provider by name. */
export function providerOf(reference: string): string | null {
  const url = URL.parse(reference.trim());
  if (url?.protocol !== "https:") return null;
  const host = url.hostname.replace(/^www\./, "");
  if (host === "archive.org") return "archive";
  if (host === "freesound.org") return "freesound";
  return /\.(xml|rss)$/i.test(url.pathname) ? "podcast" : "http";
}

/** Why a link cannot be imported as it stands; empty if it can. */
export function linkProblem(reference: string): string {
  const text = reference.trim();
  if (text === "") return "";
  const url = URL.parse(text);
  if (url?.protocol === "http:")
    return "Only https:// addresses are read. Try the link with https.";
  if (url === null || url.protocol !== "https:")
    return "This is no web address. Paste a link that begins with https://, or choose where it is from.";
  return "";
}

/** Providers that find a list, of which only the first files are taken. */
export const LIST_PROVIDERS: ReadonlySet<string> = new Set(["podcast", "archive", "freesound"]);
