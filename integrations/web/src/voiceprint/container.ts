/**
 * The container of the SDK's own files, with integers in little-endian:
 *
 *     magic (8) | version u32 | header length u32 | header JSON | content | SHA-256 of the above (32)
 */

import { sha256 } from "../digest.js";
import { VoiceprintError } from "../errors.js";

// The first bytes of a sealed file, which has the name of its content.
const SEALED = [0x89, 0x53, 0x50, 0x4b, 0x53, 0x0d, 0x0a, 0x1a];
const PREFIX_BYTES = 16;
const CHECKSUM_BYTES = 32;
const MAXIMUM_HEADER_BYTES = 2 ** 20;

export interface Container {
  readonly version: number;
  readonly header: Readonly<Record<string, unknown>>;
  readonly content: Uint8Array;
}

/** Read the parts of a file; throws VoiceprintError if it is another file, or damaged. */
export async function readContainer(
  data: Uint8Array,
  magic: Uint8Array,
  newestVersion: number,
): Promise<Container> {
  if (SEALED.every((byte, index) => data[index] === byte)) {
    throw new VoiceprintError(
      "expected a plain voiceprint, got a sealed file, which only its key opens; unseal a copy: " +
        "speakersdk profiles unseal",
    );
  }
  if (data.length < magic.length || !magic.every((byte, index) => data[index] === byte)) {
    throw new VoiceprintError(
      "not a voiceprint: expected the magic bytes of one at its start, got others; choose a " +
        ".voiceprint file",
    );
  }
  const damaged = (what: string): VoiceprintError =>
    new VoiceprintError(`the voiceprint is truncated or damaged: ${what}; get the file again`);
  if (data.length < PREFIX_BYTES + CHECKSUM_BYTES) {
    throw damaged(`it has ${data.length} bytes`);
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const version = view.getUint32(8, true);
  if (version < 1 || version > newestVersion) {
    throw new VoiceprintError(
      `expected voiceprint format version ${newestVersion} or lower, got ${version}; install a ` +
        "version of this package that knows it",
    );
  }
  const numBytes = view.getUint32(12, true);
  const end = data.length - CHECKSUM_BYTES;
  if (numBytes > MAXIMUM_HEADER_BYTES || PREFIX_BYTES + numBytes > end) {
    throw damaged("its header ends after the file");
  }
  const checksum = await sha256([data.subarray(0, end)]);
  if (!checksum.every((byte, index) => data[end + index] === byte)) {
    throw damaged("its checksum does not match");
  }
  let header: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true });
    header = JSON.parse(text.decode(data.subarray(PREFIX_BYTES, PREFIX_BYTES + numBytes)));
  } catch (error) {
    throw new VoiceprintError("the voiceprint's content is not valid: its header is not JSON", {
      cause: error,
    });
  }
  if (typeof header !== "object" || header === null || Array.isArray(header)) {
    throw new VoiceprintError(
      "the voiceprint's content is not valid: its header is not a JSON object",
    );
  }
  return {
    version,
    header: header as Record<string, unknown>,
    content: data.slice(PREFIX_BYTES + numBytes, end),
  };
}

/** The bytes of a file; `header` is the finished JSON. */
export async function writeContainer(
  magic: Uint8Array,
  version: number,
  header: string,
  content: Uint8Array,
): Promise<Uint8Array> {
  const encoded = new TextEncoder().encode(header);
  const end = PREFIX_BYTES + encoded.length + content.length;
  const data = new Uint8Array(end + CHECKSUM_BYTES);
  const view = new DataView(data.buffer);
  data.set(magic);
  view.setUint32(8, version, true);
  view.setUint32(12, encoded.length, true);
  data.set(encoded, PREFIX_BYTES);
  data.set(content, PREFIX_BYTES + encoded.length);
  data.set(await sha256([data.subarray(0, end)]), end);
  return data;
}
