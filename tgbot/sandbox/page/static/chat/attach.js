// What can be sent besides text: photos, files, contacts, places, polls, dice.
import { useState } from "preact/hooks";
import { html } from "../html.js";
import { people } from "./accounts.js";
import { act, attempt, sendMedia } from "./actions.js";
import { attributesOf, upload } from "./files.js";
import { confirm, Modal, openMenu } from "./modal.js";
import { nameOf, randomId } from "./peers.js";
import { size } from "./words.js";

const PHOTO = /^image\/(?:jpeg|png|webp)$/;

/** Open the menu of what can be attached. */
export function attachMenu(event, pane, account, dialog) {
  const { id } = dialog;
  const send = (media) => sendMedia(pane, account, id, media);
  openMenu(pane, event, [
    { name: "Photo or file", icon: "photo", does: () => pickFiles((files) => askFiles(pane, account, dialog, files)) },
    { name: "Contact", icon: "person", does: () => askContact(pane, account, send) },
    { name: "Location", icon: "place", does: () => askLocation(pane, send) },
    { name: "Poll", icon: "poll", does: () => askPoll(pane, send) },
    { name: "Dice", icon: "plus", does: () => send({ _: "inputMediaDice", emoticon: "🎲" }) },
  ]);
}

function pickFiles(then) {
  const input = document.createElement("input");
  input.type = "file";
  input.multiple = true;
  input.onchange = () => then([...input.files]);
  input.click();
}

/** Show the files that are about to be sent, with a field for the caption. */
export function askFiles(pane, account, dialog, files) {
  const chosen = files.slice(0, 10);
  if (chosen.length === 0) return;
  const close = () => (pane.over.value = null);
  pane.over.value = () => html`<${Files} pane=${pane} account=${account} dialog=${dialog} files=${chosen} close=${close} />`;
}

function Files({ pane, account, dialog, files, close }) {
  const [asFiles, setAsFiles] = useState(false);
  const [busy, setBusy] = useState(false);
  const anyPhoto = files.some((file) => PHOTO.test(file.type));
  const submit = async (event) => {
    event.preventDefault();
    const text = new FormData(event.currentTarget).get("caption");
    setBusy(true);
    const sent = await attempt(pane, sendFiles(pane, account, dialog, files, asFiles, text));
    setBusy(false);
    if (sent !== undefined) close();
  };
  return html`
    <${Modal} title=${files.length > 1 ? `Send ${files.length} files` : "Send a file"} close=${close}>
      <form class="form" onSubmit=${submit}>
        <ul class="files">
          ${files.map((file) => html`<li>${file.name} <span class="quiet">${size(file.size)}</span></li>`)}
        </ul>
        ${anyPhoto &&
        html`
          <label class="form-check">
            <input type="checkbox" checked=${asFiles} onChange=${() => setAsFiles(!asFiles)} /> Photos as files
          </label>
        `}
        <label>Caption <input name="caption" maxlength="1024" autofocus /></label>
        <footer class="modal-foot">
          <button type="button" class="button button-plain" onClick=${close}>Cancel</button>
          <button class="button" disabled=${busy}>${busy ? "Sending …" : "Send"}</button>
        </footer>
      </form>
    </${Modal}>
  `;
}

/** Upload files and send them: several as an album. */
async function sendFiles(pane, account, dialog, files, asFiles, text) {
  const answered = pane.draft(dialog.id).answered.value;
  const media = [];
  for (const file of files) media.push(await mediaOf(account, file, asFiles));
  pane.draft(dialog.id).answered.value = null;
  if (media.length === 1) {
    return sendMedia(pane, account, dialog.id, media[0], { text, answered });
  }
  const parts = [];
  for (const [index, each] of media.entries()) {
    const kept = await account.call({ _: "messages.uploadMedia", peer: account.peer(dialog.id), media: each });
    parts.push({ _: "inputSingleMedia", media: again(kept), random_id: randomId(), message: index === 0 ? text : "" });
  }
  return act(pane, account, { _: "messages.sendMultiMedia", peer: account.peer(dialog.id), multi_media: parts });
}

async function mediaOf(account, file, asFiles) {
  const uploaded = await upload(account, file);
  if (PHOTO.test(file.type) && !asFiles) return { _: "inputMediaUploadedPhoto", file: uploaded };
  return {
    _: "inputMediaUploadedDocument", file: uploaded, mime_type: file.type || "application/octet-stream",
    attributes: await attributesOf(file), ...(asFiles ? { force_file: true } : {}),
  };
}

/** Return the InputMedia of a file that was uploaded before. */
function again({ photo, document }) {
  const { id, access_hash, file_reference } = photo ?? document;
  const held = { id, access_hash, file_reference };
  return photo
    ? { _: "inputMediaPhoto", id: { _: "inputPhoto", ...held } }
    : { _: "inputMediaDocument", id: { _: "inputDocument", ...held } };
}

/** Ask whether the person's own contact is sent; call `then` with its InputMedia. */
export function askContact(pane, account, then) {
  const own = account.entity(account.id).value;
  const person = people.value.find((each) => each.id === account.id);
  confirm(pane, {
    title: "Share your contact?",
    text: `Your name and your phone number are sent to ${nameOf(account.entity(pane.open.value).value)}.`,
    does: "Share",
    async then() {
      const me = own ?? (await attempt(pane, account.call({ _: "users.getUsers", id: [{ _: "inputUserSelf" }] })))?.[0];
      if (me === undefined) return;
      then({
        _: "inputMediaContact", phone_number: `+${me.phone}`, first_name: person.name, last_name: person.last_name, vcard: "",
      });
    },
  });
}

/** Ask for a place; call `then` with its InputMedia. */
export function askLocation(pane, then) {
  const close = () => (pane.over.value = null);
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    close();
    const geo_point = { _: "inputGeoPoint", lat: Number(given.get("lat")), long: Number(given.get("long")) };
    then({ _: "inputMediaGeoPoint", geo_point });
  };
  pane.over.value = () => html`
    <${Modal} title="Send a location" close=${close}>
      <form class="form" onSubmit=${submit}>
        <label>Latitude <input name="lat" type="number" min="-90" max="90" step="any" required value="52.52" autofocus /></label>
        <label>Longitude <input name="long" type="number" min="-180" max="180" step="any" required value="13.405" /></label>
        <footer class="modal-foot">
          <button type="button" class="button button-plain" onClick=${close}>Cancel</button>
          <button class="button">Send</button>
        </footer>
      </form>
    </${Modal}>
  `;
}

/** Ask for a poll; call `then` with its InputMedia. */
function askPoll(pane, then) {
  const close = () => (pane.over.value = null);
  const words = (text) => ({ _: "textWithEntities", text, entities: [] });
  const submit = (event) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const lines = given.get("answers").split("\n").map((line) => line.trim()).filter(Boolean);
    const answers = lines.map((line, index) => ({ _: "pollAnswer", text: words(line), option: btoa(String(index)) }));
    close();
    const poll = {
      _: "poll", id: "0", question: words(given.get("question")), answers, hash: 0,
      public_voters: given.get("anonymous") !== "on", multiple_choice: given.get("several") === "on",
    };
    then({ _: "inputMediaPoll", poll });
  };
  pane.over.value = () => html`
    <${Modal} title="New poll" close=${close}>
      <form class="form" onSubmit=${submit}>
        <label>Question <input name="question" required maxlength="255" autofocus /></label>
        <label>Answers, one a line <textarea name="answers" rows="4" required></textarea></label>
        <label class="form-check"><input type="checkbox" name="anonymous" checked /> Anonymous</label>
        <label class="form-check"><input type="checkbox" name="several" /> Several answers</label>
        <footer class="modal-foot">
          <button type="button" class="button button-plain" onClick=${close}>Cancel</button>
          <button class="button">Send</button>
        </footer>
      </form>
    </${Modal}>
  `;
}
