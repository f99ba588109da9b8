/** How wide texts are in the page's font. */

const widths = new Map<string, number>();
let context: CanvasRenderingContext2D | null = null;

/** Pixels of a text on one line; `style` is the font without its family, such as `14px`. */
export function textWidth(text: string, style: string): number {
  const key = `${style} ${text}`;
  let width = widths.get(key);
  if (width === undefined) {
    if (context === null) {
      context = document.createElement("canvas").getContext("2d");
      if (context === null) return 0;
    }
    const family = getComputedStyle(document.documentElement).getPropertyValue("--font");
    context.font = `${style} ${family}`;
    width = context.measureText(text).width;
    widths.set(key, width);
  }
  return width;
}
