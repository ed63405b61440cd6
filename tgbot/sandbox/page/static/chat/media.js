// The media of messages: photos, videos, recordings, files, contacts, places, dice, polls.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { documentOf, isShown, photoOf } from "./files.js";
import { Icon } from "./icons.js";
import { Modal } from "./modal.js";
import { Avatar } from "./avatar.js";
import { openPerson } from "./follow.js";
import { nameOf } from "./peers.js";
import { Poll } from "./poll.js";
import { attribute, documentKind, fileName, mediaWords } from "./service.js";
import { length, size } from "./words.js";

export function Media({ pane, account, dialog, message, tab }) {
  const { media } = message;
  switch (media?._) {
    case undefined:
    case "messageMediaEmpty":
      return null;
    case "messageMediaPhoto":
      return html`<${Photo} pane=${pane} account=${account} media=${media} tab=${tab} />`;
    case "messageMediaDocument":
      return html`<${Document} pane=${pane} account=${account} media=${media} tab=${tab} />`;
    case "messageMediaContact":
      return html`<${Contact} pane=${pane} account=${account} media=${media} tab=${tab} />`;
    case "messageMediaGeo":
    case "messageMediaGeoLive":
      return html`<${Place} geo=${media.geo} title=${media.period ? "Live location" : "Location"} />`;
    case "messageMediaVenue":
      return html`<${Place} geo=${media.geo} title=${media.title} address=${media.address} />`;
    case "messageMediaDice":
      return html`<${Dice} media=${media} />`;
    case "messageMediaPoll":
      return html`<${Poll} pane=${pane} account=${account} dialog=${dialog} message=${message} tab=${tab} />`;
    case "messageMediaWebPage":
      return html`<${WebPage} page=${media.webpage} />`;
    default:
      return html`<p class="medium-words">${mediaWords(media)}: the page does not show this.</p>`;
  }
}

/** Hides a picture until it is clicked. */
function Veil({ on, tab, children }) {
  const [open, setOpen] = useState(!on);
  if (open) return children;
  return html`
    <span class="veiled">
      ${children}
      <button class="veil" tabindex=${tab} onClick=${() => setOpen(true)}>Show the hidden picture</button>
    </span>
  `;
}

function Picture({ pane, shown, label, tab }) {
  const [wrong, setWrong] = useState(false);
  if (shown === null || wrong) return html`<p class="medium-words">${label}: the file is not there any more.</p>`;
  const close = () => (pane.over.value = null);
  const open = () => {
    pane.over.value = () => html`
      <${Modal} title=${label} close=${close} wide>
        <img class="picture-large" src=${shown.source} alt=${label} />
      </${Modal}>
    `;
  };
  return html`
    <button class="picture" tabindex=${tab} aria-label=${`${label}: show it large`} onClick=${open}>
      <img src=${shown.source} width=${shown.width} height=${shown.height} alt="" onError=${() => setWrong(true)} />
    </button>
  `;
}

function Photo({ pane, account, media, tab }) {
  if (media.photo?._ !== "photo") return html`<p class="medium-words">The photo is not there any more.</p>`;
  const shown = photoOf(account, media.photo);
  return html`
    <${Veil} on=${media.spoiler} tab=${tab}><${Picture} pane=${pane} shown=${shown} label="Photo" tab=${tab} /></${Veil}>
  `;
}

function Document({ pane, account, media, tab }) {
  const { document } = media;
  if (document?._ !== "document") return html`<p class="medium-words">The file is not there any more.</p>`;
  const kind = documentKind(document);
  const name = fileName(document);
  const source = documentOf(account, document, name);
  const shown = isShown(document.mime_type);
  const video = attribute(document, "Video") ?? {};
  const audio = attribute(document, "Audio");
  if (shown && (kind === "gif" || kind === "video" || kind === "round") && /^video/.test(document.mime_type)) {
    return html`
      <${Veil} on=${media.spoiler} tab=${tab}>
        <video class=${`video video-${kind}`} src=${source} width=${video.w || 320} height=${video.h || 240} controls
          loop=${kind === "gif"} preload="metadata" tabindex=${tab} aria-label=${kind === "gif" ? "GIF" : "Video"}></video>
      </${Veil}>
    `;
  }
  if (shown && /^image/.test(document.mime_type) && kind !== "file") {
    const size = attribute(document, "ImageSize") ?? { w: 256, h: 256 };
    return html`<${Picture} pane=${pane} shown=${{ source, width: size.w, height: size.h }} label=${kind === "sticker" ? "Sticker" : "Picture"} tab=${tab} />`;
  }
  if (shown && audio) {
    return html`
      <div class="audio">
        ${kind === "audio" &&
        html`<p class="audio-title">${[audio.performer, audio.title].filter(Boolean).join(" – ") || name}</p>`}
        <audio src=${source} controls preload="metadata" tabindex=${tab}
          aria-label=${`${kind === "voice" ? "Voice message" : "Audio"}, ${length(audio.duration)}`}></audio>
      </div>
    `;
  }
  return html`
    <a class="file" href=${source} download=${name} tabindex=${tab}>
      <span class="file-icon"><${Icon} name="file" /></span>
      <span class="file-words">
        <span class="file-name">${name}</span>
        <span class="file-size">${size(Number(document.size))}</span>
      </span>
      <span class="unseen">: download</span>
    </a>
  `;
}

function Contact({ pane, account, media, tab }) {
  const known = Number(media.user_id) > 0;
  return html`
    <div class="contact">
      <${Avatar} id=${Number(media.user_id)} entity=${media} />
      <span class="contact-words">
        <strong>${nameOf(media)}</strong>
        <span>+${media.phone_number.replace(/^\+/, "")}</span>
        ${known && html`<button class="text-button" tabindex=${tab} onClick=${() => openPerson(pane, account, media.user_id)}>Message</button>`}
      </span>
    </div>
  `;
}

function Place({ geo, title, address }) {
  const degrees = (value, [positive, negative]) => `${Math.abs(value).toFixed(5)}° ${value < 0 ? negative : positive}`;
  return html`
    <div class="place">
      <${Icon} name="place" />
      <span class="contact-words">
        <strong>${title}</strong>
        ${address && html`<span>${address}</span>`}
        <span>${degrees(geo.lat ?? 0, "NS")}, ${degrees(geo.long ?? 0, "EW")}</span>
      </span>
    </div>
  `;
}

function Dice({ media }) {
  return html`
    <p class="dice"><span class="dice-emoji">${media.emoticon}</span> <span class="dice-value">${media.value}</span></p>
  `;
}

function WebPage({ page }) {
  if (page?._ !== "webPage") return null;
  return html`
    <div class="webpage">
      ${page.site_name && html`<span class="answered-name">${page.site_name}</span>`}
      ${page.title && html`<strong>${page.title}</strong>`}
      ${page.description && html`<span>${page.description}</span>`}
    </div>
  `;
}

/** Photos, videos and files that were sent together. */
export function Album({ pane, account, messages, tab }) {
  const pictures = messages.every(({ media }) => media?._ === "messageMediaPhoto" || /^video/.test(media?.document?.mime_type));
  return html`
    <div class=${pictures ? `album album-${Math.min(messages.length, 4)}` : "album-list"}>
      ${messages.map(
        (message) => html`<div key=${message.id} class="album-part"><${Media} pane=${pane} account=${account} message=${message} tab=${tab} /></div>`,
      )}
    </div>
  `;
}
