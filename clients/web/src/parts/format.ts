/** Numbers and names as people read them. */

/** Narrow, and no line ends at it. */
export const UNIT_SPACE = "\u202f";

/** Length of a sound: `214 ms`, `3.87 s`, `4:07`, `1:02:10`. */
export function formatLength(seconds: number): string {
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)}${UNIT_SPACE}ms`;
  if (seconds < 59.995) return `${seconds.toFixed(2)}${UNIT_SPACE}s`;
  return formatClock(seconds);
}

/** Minutes and seconds: `0:48`, `4:07`, `1:02:10`. */
export function formatClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

/** Return a time as tables show it: `14:05`, or with the day if it is not today. */
export function whenText(time: string, now = new Date()): string {
  const at = new Date(time);
  const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  if (at.toDateString() === now.toDateString()) return clock;
  const year = at.getFullYear() === now.getFullYear() ? {} : { year: "numeric" as const };
  const day = at.toLocaleDateString("en-GB", { day: "numeric", month: "short", ...year });
  return `${day}, ${clock}`;
}

/** Bytes in decimal units: `8 MB`, `2.2 GB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes}${UNIT_SPACE}B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value >= 9.95 ? Math.round(value) : Number(value.toFixed(1))}${UNIT_SPACE}${units[unit]}`;
}

/** Musical key from the API (`A:min`, `F#:maj`) as `Am`, `F♯`. */
export function formatKey(key: string): string {
  const [tonic = "", mode = ""] = key.split(/[: ]/);
  return tonic.replace("#", "♯").replace(/b$/, "♭") + (mode.startsWith("min") ? "m" : "");
}

/** Tempo with at most one decimal: `124`, `96.5`. */
export function formatTempo(bpm: number): string {
  return String(Math.round(bpm * 10) / 10);
}

/** `1 song`, `3 songs`. */
export function plural(count: number, singular: string, many = `${singular}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? singular : many}`;
}

/** Name of a file without its extension. */
export function baseName(name: string): string {
  return name.replace(/\.[a-z0-9]{2,5}$/i, "");
}
