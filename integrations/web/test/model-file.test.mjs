// Valid model files, and the errors for other files.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ConfigError,
  InvalidAudioError,
  ManifestError,
  ModelError,
  Verifier,
} from "../dist/index.js";
import { dataOf, modelBytes, recordingOf, verifierAt, voiceprintOf } from "./reference.mjs";

const decoder = new TextDecoder("latin1");

test("a changed, truncated or foreign file is refused", async () => {
  const at = decoder.decode(modelBytes).indexOf('"stateful"');
  const changed = modelBytes.slice();
  changed[at + 1] = "S".charCodeAt(0);
  await assert.rejects(Verifier.load(changed), (error) => {
    assert.ok(error instanceof ManifestError);
    assert.match(error.message, /checksum does not match/);
    return true;
  });
  await assert.rejects(Verifier.load(modelBytes.slice(0, 100_000)), ManifestError);
  await assert.rejects(Verifier.load(new TextEncoder().encode("<!doctype html>")), ManifestError);
  await assert.rejects(Verifier.load(new Uint8Array(0)), /no speakersdk manifest/);
});

test("models that run in Python only are refused", async () => {
  for (const [name, message] of [
    ["windowed", /mode stateful, got "windowed"/],
    ["stateful-headless", /has_speech_head/],
  ]) {
    await assert.rejects(Verifier.load(dataOf(`models/${name}.onnx`)), (error) => {
      assert.ok(error instanceof ManifestError);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("an address without a model is one clear error", async () => {
  await assert.rejects(Verifier.load("http://127.0.0.1:9/default.onnx"), (error) => {
    assert.ok(error instanceof ModelError);
    assert.match(error.message, /does not answer/);
    return true;
  });
});

test("a rate that the calibration does not support is refused at once", async () => {
  await assert.rejects(Verifier.load(modelBytes, { far: 1e-9 }), ConfigError);
  await assert.rejects(Verifier.load(modelBytes, { far: 2 }), ConfigError);
});

test("what is not audio is refused", async () => {
  const verifier = await verifierAt(null);
  const voiceprint = await voiceprintOf("slt");
  const { samples } = recordingOf("slt-probe");
  const bad = [
    new Float32Array(0),
    samples.map((value) => value * 32768),
    samples.map((value, at) => (at === 7 ? NaN : value)),
    Array.from(samples),
    [samples, samples.slice(1)],
    [],
  ];
  for (const wrong of bad) {
    const recording = { samples: wrong, sampleRateHz: 16000 };
    await assert.rejects(verifier.verify(voiceprint, recording), InvalidAudioError);
  }
  for (const sampleRateHz of [0, 44100.5, 1e9, undefined]) {
    await assert.rejects(verifier.verify(voiceprint, { samples, sampleRateHz }), ConfigError);
  }
  await assert.rejects(verifier.identify([], recordingOf("slt-probe")), ConfigError);
  await assert.rejects(
    verifier.identify([voiceprint, voiceprint], recordingOf("slt-probe")),
    /different names/,
  );
});

test("the name of the package leads to its exports and to the model", async () => {
  const byName = await import("speakersdk-web");
  assert.equal(byName.Verifier, Verifier);
  assert.match(import.meta.resolve("speakersdk-web/default.onnx"), /default\.onnx$/);
});
