/** Icons on a grid of 16, drawn with a stroke of 1.5. */
import type { ReactNode } from "react";

const SHAPES = {
  play: <path d="M4.5 2.8v10.4L13 8z" fill="currentColor" stroke="none" />,
  pause: <path d="M4 3h3v10H4zM9 3h3v10H9z" fill="currentColor" stroke="none" />,
  previous: <path d="M12.5 3.5v9L5.5 8zM3.5 3.5v9" />,
  next: <path d="M3.5 3.5v9l7-4.5zM12.5 3.5v9" />,
  loop: (
    <path d="M4 5h7.5a2 2 0 0 1 2 2v.5M12 11H4.5a2 2 0 0 1-2-2v-.5M6 2.8 3.8 5 6 7.2M10 8.8l2.2 2.2-2.2 2.2" />
  ),
  search: (
    <>
      <circle cx="7" cy="7" r="4.2" />
      <path d="m10.2 10.2 3.3 3.3" />
    </>
  ),
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  check: <path d="m3 8.5 3.3 3.3L13 4.8" />,
  plus: <path d="M8 3v10M3 8h10" />,
  star: <path d="m8 2.3 1.7 3.7 4 .5-3 2.7.8 4L8 11.2l-3.5 2 .8-4-3-2.7 4-.5z" />,
  down: <path d="m4 6 4 4 4-4" />,
  right: <path d="m6 4 4 4-4 4" />,
  left: <path d="M10 4 6 8l4 4" />,
  dots: <path d="M3.5 8h.01M8 8h.01M12.5 8h.01" strokeWidth="2.4" />,
  volume: <path d="M2.5 6v4H5l3.5 2.8V3.2L5 6zM11 5.8a3 3 0 0 1 0 4.4M12.8 4a5.5 5.5 0 0 1 0 8" />,
  note: (
    <>
      <path d="M6 12V3.5l6-1.2v8.2" />
      <circle cx="4.3" cy="12" r="1.7" />
      <circle cx="10.3" cy="10.5" r="1.7" />
    </>
  ),
  crate: <path d="M2 4.5h12M2.8 4.5v8.2h10.4V4.5M5 4.5v-2M8 4.5V2M11 4.5v-2M5.5 8.5h5" />,
  track: <path d="M2 8h1.5M5 5v6M7.5 2.5v11M10 5.5v5M12.5 7v2" />,
  map: (
    <>
      <circle cx="4" cy="5" r="1.3" />
      <circle cx="10.5" cy="3.5" r="1.3" />
      <circle cx="8" cy="8.5" r="1.3" />
      <circle cx="12.5" cy="10" r="1.3" />
      <circle cx="5" cy="12" r="1.3" />
    </>
  ),
  link: (
    <path d="m6.4 9.6 3.2-3.2M7.2 4.4l1-1a3.1 3.1 0 0 1 4.4 4.4l-1 1M8.8 11.6l-1 1a3.1 3.1 0 0 1-4.4-4.4l1-1" />
  ),
  mic: (
    <>
      <rect x="6" y="1.8" width="4" height="7.5" rx="2" />
      <path d="M3.5 7.5a4.5 4.5 0 0 0 9 0M8 12v2.2" />
    </>
  ),
  book: (
    <path d="M3 3.2h4.2c.5 0 .8.3.8.8v9c0-.5-.3-.8-.8-.8H3zM13 3.2H8.8c-.5 0-.8.3-.8.8v9c0-.5.3-.8.8-.8H13z" />
  ),
  gear: (
    <>
      <circle cx="8" cy="8" r="2.2" />
      <path d="M8 1.8v2M8 12.2v2M1.8 8h2M12.2 8h2M3.6 3.6 5 5M11 11l1.4 1.4M12.4 3.6 11 5M5 11l-1.4 1.4" />
    </>
  ),
  warn: <path d="M8 2.2 14.3 13H1.7zM8 6.5v3M8 11.3h.01" />,
  clock: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 5v3.2l2 1.3" />
    </>
  ),
  spectrum: <path d="M3 13V9M5.5 13V5M8 13V7M10.5 13V3M13 13v-3" />,
  split: <path d="M8 2.5v2M8 7v2M8 11.5v2M5.5 5 2.5 8l3 3M10.5 5l3 3-3 3" />,
  pencil: <path d="m3 13 .8-3.2L10.5 3 13 5.5l-6.8 6.7zM9 4.5 11.5 7" />,
  dash: <path d="M4 8h8" />,
  up: <path d="M8 13V3.5M4.2 7 8 3.2 11.8 7" />,
  download: <path d="M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10" />,
  retry: <path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.8h-2.8" />,
  lasso: (
    <path d="M8 2.5c3.3 0 6 1.7 6 3.9s-2.7 3.9-6 3.9-6-1.7-6-3.9 2.7-3.9 6-3.9zM5 9.8c-.8.9-.6 2 .3 2.3.9.2 1.6-.4 1.5-1.2M5.3 12.1c0 .8-.4 1.4-1.3 1.7" />
  ),
  hand: (
    <path d="M8 2v12M2 8h12M6.3 3.7 8 2l1.7 1.7M6.3 12.3 8 14l1.7-1.7M3.7 6.3 2 8l1.7 1.7M12.3 6.3 14 8l-1.7 1.7" />
  ),
  wand: <path d="M3 13 10 6M11.5 2.5v2M13.5 4.5h-2M9.5 3.5v0M13 8v1.5" />,
  filter: <path d="M2.5 4h11M4.5 8h7M6.5 12h3" />,
  dice: (
    <path d="M2.5 11.5c3 0 3.5-7 6.5-7h4M11 2.5l2.2 2-2.2 2M2.5 4.5c1.5 0 2.3 1.5 3 3.2M8 10.3c.5.7 1 1.2 2 1.2h3M11 9.5l2.2 2-2.2 2" />
  ),
  file: <path d="M4 2h5.5L12.5 5v9H4zM9.3 2v3.3h3.2" />,
  speed: <path d="M2.5 11.5a5.5 5.5 0 1 1 11 0M8 11l2.5-4" />,
  expand: <path d="M9.5 2.5h4v4M6.5 13.5h-4v-4M13.5 2.5 9 7M2.5 13.5 7 9" />,
  magnet: <path d="M4 2.5v5a4 4 0 0 0 8 0v-5H9.5v5a1.5 1.5 0 0 1-3 0v-5zM4 5h2.5M9.5 5H12" />,
} as const satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg
      className={className ? `icon ${className}` : "icon"}
      viewBox="0 0 16 16"
      aria-hidden="true"
    >
      {SHAPES[name]}
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 18 18" fill="none" aria-hidden="true">
      <path d="M1 6h16v10.5H1z" fill="var(--fg0)" />
      <path
        d="M3.5 4.5v-2M6.5 4.5V1M9.5 4.5v-2M14.2 5.2 12.8 1.4"
        stroke="var(--fg0)"
        strokeWidth="1.7"
      />
      <path
        d="M4.5 11.2h2l1.3-2.5 2 5 1.4-2.5h2.3"
        stroke="var(--bg1)"
        strokeWidth="1.4"
        strokeLinejoin="round"
      />
    </svg>
  );
}
