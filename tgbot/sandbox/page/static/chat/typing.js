// What somebody is doing in a chat, in words.
import { isUser, nameOf } from "./peers.js";

const DOES = {
  sendMessageTypingAction: "typing",
  sendMessageRecordVideoAction: "recording a video",
  sendMessageUploadVideoAction: "sending a video",
  sendMessageRecordAudioAction: "recording a voice message",
  sendMessageUploadAudioAction: "sending a voice message",
  sendMessageUploadPhotoAction: "sending a photo",
  sendMessageUploadDocumentAction: "sending a file",
  sendMessageGeoLocationAction: "choosing a location",
  sendMessageChooseContactAction: "choosing a contact",
  sendMessageGamePlayAction: "playing a game",
  sendMessageRecordRoundAction: "recording a video message",
  sendMessageUploadRoundAction: "sending a video message",
  sendMessageChooseStickerAction: "choosing a sticker",
  sendMessageTextDraftAction: "writing",
};

/** Return "typing …" or "Anna is typing …"; "" if nobody does anything. */
export function typingWords(account, dialog) {
  const [first] = dialog.typing.value;
  if (first === undefined) return "";
  const [who, action] = first;
  const does = `${DOES[action._] ?? "typing"} …`;
  return isUser(dialog.id) ? does : `${nameOf(account.entity(who).value)} is ${does}`;
}
