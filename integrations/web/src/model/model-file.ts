/**
 * The metadata of an ONNX file, and the check that the file is complete and unchanged.
 *
 * onnxruntime-web does not expose metadata. Therefore the message is read here.
 * docs/formats/model.md describes the properties; `speakersdk.content_sha256` is the hash of
 * everything else in the file.
 */

import { sha256Hex } from "../digest.js";
import { ManifestError } from "../errors.js";
import { fields, isBytes } from "./protobuf.js";

const METADATA = 14;
const KEY = 1;
const VALUE = 2;
const CONTENT_SHA256 = "speakersdk.content_sha256";

/**
 * The metadata properties of a model file.
 *
 * Throws ManifestError if the file is not an ONNX model, has no checksum, or was changed.
 */
export async function checkedMetadata(content: Uint8Array): Promise<Map<string, string>> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const properties = new Map<string, string>();
  const parts: Uint8Array[] = [];
  let stamp: string | undefined;
  let kept = 0;
  for (const field of fields(content, 0, content.length)) {
    if (field.number !== METADATA || !isBytes(field)) {
      continue;
    }
    let key = "";
    let value = "";
    for (const entry of fields(content, field.start, field.end)) {
      const text = decoder.decode(content.subarray(entry.start, entry.end));
      if (entry.number === KEY) {
        key = text;
      } else if (entry.number === VALUE) {
        value = text;
      }
    }
    if (key !== CONTENT_SHA256) {
      properties.set(key, value);
      continue;
    }
    if (stamp !== undefined) {
      throw new ManifestError(`expected one property ${CONTENT_SHA256}, got several`);
    }
    stamp = value;
    parts.push(content.subarray(kept, field.first));
    kept = field.end;
  }
  parts.push(content.subarray(kept));
  if (!properties.has("speakersdk.schema_version")) {
    throw new ManifestError(
      "the file has no speakersdk manifest; export it with speakersdk-export model",
    );
  }
  if (stamp === undefined) {
    throw new ManifestError(
      `expected the property ${CONTENT_SHA256}, found none; export the model again`,
    );
  }
  if (stamp !== JSON.stringify(await sha256Hex(parts))) {
    throw new ManifestError(
      "the model file is damaged or was changed after it was written: its checksum does not " +
        "match; get the file again",
    );
  }
  return properties;
}
