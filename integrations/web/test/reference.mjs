// Results of Python for the same audio, written by tests/integrations/web/reference.py.
import assert from "node:assert/strict";
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

// How far values may be from Python's. Float32 rounds differently in WASM, by 1e-8 of a score; the
// weight of a score is about 1000, and the difference of an llr is as much larger.
const SAME_RATE = { score: 1e-6, llr: 2e-3, speech: 1e-4, speechS: 1e-9 };
// Python has another resampler: 1e-5 of a score, and two frames at the edge of speech.
const RESAMPLED = { score: 5e-5, llr: 0.05, speech: 1e-2, speechS: 0.021 };

export const tolerances = (rateHz) => (rateHz === 16000 ? SAME_RATE : RESAMPLED);

export function close(what, found, expected, tolerance) {
  if (expected === null) {
    assert.equal(found, null, what);
  } else {
    assert.ok(Math.abs(found - expected) <= tolerance, `${what}: ${found}, Python ${expected}`);
  }
}

export const reference = JSON.parse(readFileSync(path.join(folder, "reference.json"), "utf8"));
export const modelBytes = new Uint8Array(readFileSync(reference.model));

export const bytesOf = (name) => new Uint8Array(readFileSync(path.join(folder, name)));

/** A file of tests/data. */
export const dataOf = (name) =>
  new Uint8Array(readFileSync(new URL(`../../../tests/data/${name}`, import.meta.url)));

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
