// What Python says of the same audio: written by tests/integrations/web/reference.py at test time.
import { readFileSync } from "node:fs";
import path from "node:path";

import { Verifier, Voiceprint } from "../dist/index.js";

const folder = process.env.SPEAKERSDK_WEB_REFERENCE;
if (folder === undefined) {
  throw new Error(
    "expected SPEAKERSDK_WEB_REFERENCE, the folder that Python wrote; run " +
      "python -m pytest tests/integrations/web from the repository",
  );
}

/** Scores, llrs and thresholds may differ by this from Python's. */
export const TOLERANCE = 1e-3;

export const reference = JSON.parse(readFileSync(path.join(folder, "reference.json"), "utf8"));
export const modelBytes = new Uint8Array(readFileSync(reference.model));

export const bytesOf = (name) => new Uint8Array(readFileSync(path.join(folder, name)));

export function floatsOf(name) {
  const bytes = bytesOf(name);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

export function recordingOf(name) {
  const { rate_hz: sampleRateHz, channels } = reference.recordings[name];
  const values = floatsOf(`${name}.f32`);
  const size = values.length / channels;
  const samples =
    channels === 1
      ? values
      : Array.from({ length: channels }, (_, at) => values.slice(at * size, (at + 1) * size));
  return { samples, sampleRateHz };
}

export const voiceprintOf = (name) => Voiceprint.fromBytes(bytesOf(`${name}.voiceprint`));

const verifiers = new Map();

/** One session per rate; sessions take longer than all tests. */
export function verifierAt(far) {
  if (!verifiers.has(far)) {
    verifiers.set(far, Verifier.load(modelBytes, far === null ? {} : { far }));
  }
  return verifiers.get(far);
}
