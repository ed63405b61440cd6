// Icons: lines on a field of 24 by 24.
import { html } from "../html.js";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  search: "M16.5 16.5L21 21M18 10.5a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0z",
  more: "M12 5a.5.5 0 1 0 0 1 .5.5 0 1 0 0-1zM12 11.5a.5.5 0 1 0 0 1 .5.5 0 1 0 0-1zM12 18a.5.5 0 1 0 0 1 .5.5 0 1 0 0-1z",
  plus: "M12 5v14M5 12h14",
  down: "M12 5v14M6 13l6 6 6-6",
  send: "M4 12L3.5 4.5 21 12 3.5 19.5zM4 12h8",
  attach: "M20 11.5l-8.2 8.2a5.2 5.2 0 0 1-7.4-7.4l8.6-8.6a3.5 3.5 0 0 1 4.9 4.9l-8.5 8.6a1.7 1.7 0 0 1-2.5-2.5l7.8-7.8",
  slash: "M15.5 4l-7 16",
  keyboard: "M4 7h16a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1zM7 10.5v.01M11 10.5v.01M15 10.5v.01M8 14h8",
  reply: "M10 8V4L3 11l7 7v-4c5 0 8 1.5 11 6-.5-6-4-11-11-12z",
  forward: "M14 8V4l7 7-7 7v-4c-5 0-8 1.5-11 6 .5-6 4-11 11-12z",
  edit: "M4 20l1-4L16.5 4.5l3 3L8 19z",
  remove: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  copy: "M9 9h10v11H9zM5 15V4h10",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3zM12 15v6",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  photo: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9v.01",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.5-6 8-6s8 2 8 6",
  people: "M9 12a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.5 3-5 6.5-5s6.5 1.5 6.5 5M16 5.2a3.5 3.5 0 0 1 0 6.6M18 15.3c2.2.6 3.5 2.2 3.5 4.7",
  place: "M12 21c4.5-5 7-8.5 7-11.5a7 7 0 1 0-14 0C5 12.5 7.5 16 12 21zM12 12a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  check: "M4 12.5l5 5L20 6.5",
  read: "M2 12.5l5 5L17 6.5M11 16l1.5 1.5L22 6.5",
  block: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM5.7 5.7l12.6 12.6",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4.2 4.2 0 0 0-6-6l-1.5 1.5M14 10a4 4 0 0 0-6-.5l-3 3a4.2 4.2 0 0 0 6 6l1.5-1.5",
  out: "M14 4h6v6M20 4l-9 9M17 14v6H4V7h6",
  reaction: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM8.5 14.5c1.5 2.5 5.5 2.5 7 0M9 9.5v.01M15 9.5v.01",
  group: "M12 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM5 20c0-4 3-6 7-6s7 2 7 6",
  megaphone: "M4 10v4l3 .5L15 19V5L7 9.5zM18.5 9a4 4 0 0 1 0 6",
  poll: "M5 20V10M12 20V4M19 20v-7",
  window: "M4 5h16v14H4zM4 9h16",
  star: "M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1.1 5.9-5.3-2.8-5.3 2.8 1.1-5.9-4.3-4.1 5.9-.8z",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M14 7a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM6 17a2 2 0 1 0 4 0 2 2 0 0 0-4 0z",
  eye: "M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12zM12 14.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
};

/** An icon; who uses it gives the button its name. */
export function Icon({ name, small = false }) {
  return html`
    <svg class=${small ? "icon icon-small" : "icon"} viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>
  `;
}

/** A button that shows an icon only; `label` is its name, `kind` a class more. */
export function IconButton({ name, label, kind = "", ...rest }) {
  return html`
    <button type="button" class=${`icon-button ${kind}`} aria-label=${label} title=${label} ...${rest}>
      <${Icon} name=${name} />
    </button>
  `;
}
