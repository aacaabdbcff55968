/**
 * The bytes of a voiceprint, those of the Python package (docs/formats/voiceprint.md).
 *
 * Version 2 added the exemplars of adaptation, version 3 the life of the voiceprint. Files are
 * written in the oldest sufficient version.
 */

import { VoiceprintError } from "../errors.js";
import { readContainer, writeContainer } from "./container.js";
import { consentOf, historyOf, invalid } from "./life.js";
import type { VoiceprintValues } from "./voiceprint.js";

const MAGIC = Uint8Array.from([0x89, 0x53, 0x50, 0x4b, 0x56, 0x0d, 0x0a, 0x1a]);
const NEWEST_VERSION = 3;
const MAXIMUM_BYTES = 2 ** 26;
const FIRST = [
  "created_utc", "embedding_dim", "model_name", "model_sha256", "name", "num_exemplars",
  "speech_s", "temperature",
]; // prettier-ignore
const SECOND = [...FIRST, "adapted_speech_s"];
const THIRD = [...SECOND, "expires_utc", "consent", "history"];
const KEYS = [FIRST, SECOND, THIRD];

/**
 * The values in the bytes of a file, not yet checked as a whole.
 *
 * Throws VoiceprintError: not a voiceprint, of an unknown version, truncated or damaged.
 */
export async function readVoiceprint(bytes: Uint8Array): Promise<VoiceprintValues> {
  if (bytes.length > MAXIMUM_BYTES) {
    throw new VoiceprintError(
      `not a voiceprint: expected at most ${MAXIMUM_BYTES} bytes, got ${bytes.length}`,
    );
  }
  const { version, header, content } = await readContainer(bytes, MAGIC, NEWEST_VERSION);
  const expected = [...KEYS[version - 1]!].sort();
  if (Object.keys(header).sort().join() !== expected.join()) {
    throw invalid(`expected a header with the keys ${expected.join(", ")}`);
  }
  const text = (key: string): string => {
    const value = header[key];
    if (typeof value !== "string") {
      throw invalid(`expected ${key} in the header to be text`);
    }
    return value;
  };
  const number = (key: string): number => {
    const value = header[key];
    if (typeof value !== "number") {
      throw invalid(`expected ${key} in the header to be a number`);
    }
    return value;
  };
  const numbers = (key: string): number[] => {
    const value = header[key];
    if (!Array.isArray(value) || !value.every((item) => typeof item === "number")) {
      throw invalid(`expected ${key} in the header as numbers`);
    }
    return value;
  };
  const numExemplars = number("num_exemplars");
  const dim = number("embedding_dim");
  const adaptedSpeechS = version > 1 ? numbers("adapted_speech_s") : [];
  if (version === 2 && adaptedSpeechS.length === 0) {
    throw invalid("its header does not fit format version 2");
  }
  const numRows = numExemplars + adaptedSpeechS.length;
  const areCounts = [numExemplars, dim].every((count) => Number.isInteger(count) && count > 0);
  if (!areCounts || 4 * dim * numRows !== content.length) {
    throw invalid(
      `expected ${numExemplars} + ${adaptedSpeechS.length} exemplars of ${dim} values, got ` +
        `${content.length} bytes`,
    );
  }
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const rows = Array.from({ length: numRows }, (_, row) =>
    Float32Array.from({ length: dim }, (_, at) => view.getFloat32(4 * (row * dim + at), true)),
  );
  return {
    name: text("name"),
    modelName: text("model_name"),
    modelSha256: text("model_sha256"),
    temperature: number("temperature"),
    exemplars: rows.slice(0, numExemplars),
    speechS: numbers("speech_s"),
    createdUtc: text("created_utc"),
    adapted: rows.slice(numExemplars),
    adaptedSpeechS,
    expiresUtc: version < 3 || header["expires_utc"] === null ? null : text("expires_utc"),
    consent: version < 3 ? null : consentOf(header["consent"]),
    history: version < 3 ? [] : historyOf(header["history"]),
  };
}

/** The bytes of a file; equal voiceprints give equal bytes. */
export async function writeVoiceprint(values: Required<VoiceprintValues>): Promise<Uint8Array> {
  const { exemplars, adapted, consent, history, expiresUtc } = values;
  const fields: Record<string, string> = {
    created_utc: JSON.stringify(values.createdUtc),
    embedding_dim: String(exemplars[0]!.length),
    model_name: JSON.stringify(values.modelName),
    model_sha256: JSON.stringify(values.modelSha256),
    name: JSON.stringify(values.name),
    num_exemplars: String(exemplars.length),
    speech_s: floats(values.speechS),
    temperature: pythonFloat(values.temperature),
  };
  let version = adapted.length > 0 ? 2 : 1;
  if (history.length > 0 || consent !== null || expiresUtc !== null) {
    version = 3;
    fields["expires_utc"] = JSON.stringify(expiresUtc);
    fields["consent"] =
      consent === null
        ? "null"
        : JSON.stringify({
            given_by: consent.givenBy,
            given_utc: consent.givenUtc,
            text_id: consent.textId,
          });
    const changes = history.map(
      ({ kind, atUtc, speechS }) => `["${kind}",${JSON.stringify(atUtc)},${pythonFloat(speechS)}]`,
    );
    fields["history"] = `[${changes.join(",")}]`;
  }
  if (version > 1) {
    fields["adapted_speech_s"] = floats(values.adaptedSpeechS);
  }
  const header = Object.keys(fields)
    .sort()
    .map((key) => `"${key}":${fields[key]}`);
  const rows = [...exemplars, ...adapted];
  const content = new Uint8Array(4 * rows.length * rows[0]!.length);
  const view = new DataView(content.buffer);
  rows.forEach((row, number) =>
    row.forEach((value, at) => view.setFloat32(4 * (number * row.length + at), value, true)),
  );
  return writeContainer(MAGIC, version, `{${header.join(",")}}`, content);
}

function floats(values: readonly number[]): string {
  return `[${values.map(pythonFloat).join(",")}]`;
}

/** A number as Python writes it: 2.0, 1e-05, 1e+16. */
function pythonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e");
    return `${digits}e${exponent![0]}${exponent!.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
