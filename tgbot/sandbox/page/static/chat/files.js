// Files: their addresses on the page, and uploads.

const INLINE = /^(?:image\/(?:jpeg|png|gif|webp)|video\/(?:mp4|webm)|audio\/(?:mpeg|ogg|mp4|wav|webm))$/;

/** Return whether a browser may show a file of this type in the page. */
export const isShown = (type) => INLINE.test(type ?? "");

function address(account, location, type, name = "") {
  const query = new URLSearchParams({ as: account.id, location: JSON.stringify(location), type, name });
  return `file?${query}`;
}

const reference = ({ id, access_hash, file_reference }) => ({ id, access_hash, file_reference });

/** Return the widths and heights of a photo's sizes, smallest first. */
const sizesOf = (photo) => photo.sizes.filter((size) => size.w).toSorted((one, other) => one.w - other.w);

/** Return {source, width, height} of a photo in the smallest size that is at least so wide. */
export function photoOf(account, photo, width = 800) {
  const sizes = sizesOf(photo);
  const best = sizes.find((size) => size.w >= width) ?? sizes.at(-1);
  if (best === undefined) return null;
  const location = { _: "inputPhotoFileLocation", ...reference(photo), thumb_size: best.type };
  return { source: address(account, location, "image/jpeg"), width: best.w, height: best.h };
}

/** Return the address of a document. */
export function documentOf(account, document, name) {
  const location = { _: "inputDocumentFileLocation", ...reference(document), thumb_size: "" };
  return address(account, location, document.mime_type, name);
}

/** Upload a file as somebody; return the InputFile. */
export async function upload(account, file) {
  const query = new URLSearchParams({ as: account.id, name: file.name });
  let answer;
  try {
    answer = await fetch(`upload?${query}`, { method: "POST", body: file });
  } catch {
    throw new Error("The sandbox is not connected.");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Return the attributes of a file that the browser can read: the size of a picture, the length of a recording. */
export async function attributesOf(file) {
  const name = { _: "documentAttributeFilename", file_name: file.name };
  const [kind] = file.type.split("/");
  if (!isShown(file.type) || kind === "image") return [name];
  const { duration, videoWidth, videoHeight } = await measured(kind, file);
  if (kind === "audio") return [name, { _: "documentAttributeAudio", duration: Math.round(duration) }];
  const size = { w: videoWidth, h: videoHeight };
  return [name, { _: "documentAttributeVideo", duration, ...size, supports_streaming: true }];
}

/** Return what a media element says about a file; zeros if it cannot read it. */
function measured(kind, file) {
  const element = document.createElement(kind);
  const source = URL.createObjectURL(file);
  return new Promise((resolve) => {
    const done = () => {
      const { duration, videoWidth = 0, videoHeight = 0 } = element;
      URL.revokeObjectURL(source);
      resolve({ duration: Number.isFinite(duration) ? duration : 0, videoWidth, videoHeight });
    };
    element.onloadedmetadata = done;
    element.onerror = done;
    element.preload = "metadata";
    element.src = source;
  });
}
