// Decisions equal Python's on the same audio: the same verdicts, scores within 1e-6.
import assert from "node:assert/strict";
import { test } from "node:test";

import { EnrollmentError } from "../dist/index.js";
import {
  bytesOf,
  close,
  recordingOf,
  reference,
  tolerances,
  verifierAt,
  voiceprintOf,
} from "./reference.mjs";

const VOICES = ["slt", "rms", "awb", "kal16"];

test("embeddings equal Python's", async () => {
  const verifier = await verifierAt(null);
  for (const [name, expected] of Object.entries(reference.embeddings)) {
    const embedding = await verifier.embed(recordingOf(name));
    const difference = Math.max(...expected.map((value, at) => Math.abs(value - embedding[at])));
    // Float32 rounds differently in WASM: 1e-6. Another resampler adds 1e-3.
    const { rate_hz: rateHz } = reference.recordings[name];
    assert.ok(difference < (rateHz === 16000 ? 1e-4 : 1e-2), `${name}: ${difference}`);
  }
});

for (const far of [...new Set(reference.decisions.map((one) => one.far))]) {
  test(`decisions at a rate of ${far ?? "the default"} equal Python's`, async () => {
    const verifier = await verifierAt(far);
    const voiceprints = await Promise.all(VOICES.map(voiceprintOf));
    for (const expected of reference.decisions.filter((one) => one.far === far)) {
      const found = await verifier.identify(voiceprints, recordingOf(expected.recording));
      compareDecisions(expected.recording, found.decision, expected.decision);
      assert.equal(found.speaker, expected.speaker);
      assert.deepEqual(
        found.ranking.map((one) => one.name),
        expected.ranking.map((one) => one.name),
      );
      close(`${expected.recording} margin`, found.margin, expected.margin, 0.02);
      found.ranking.forEach((one, at) =>
        compareDecisions(expected.recording, one.decision, expected.ranking[at].decision),
      );
    }
  });
}

function compareDecisions(name, found, expected) {
  assert.equal(found.verdict, expected.verdict, name);
  assert.equal(found.accepted, expected.verdict === "accept");
  const { rate_hz: rateHz } = reference.recordings[name];
  const most = tolerances(rateHz);
  close(`${name} score`, found.score, expected.score, most.score);
  close(`${name} llr`, found.llr, expected.llr, most.llr);
  close(`${name} threshold`, found.threshold, expected.threshold, most.llr);
  close(`${name} probability`, found.probability, expected.probability, most.llr);
  close(`${name} one voice`, found.oneVoiceLlr, expected.one_voice_llr, most.llr);
  close(`${name} speech`, found.speechS, expected.speech_s, most.speechS);
  assert.equal(found.voiceChanged, expected.voice_changed, name);
  if (rateHz === 16000) {
    assert.equal(found.reason, expected.reason);
  }
  assert.equal(found.promise.far, expected.promise.far);
  assert.deepEqual(found.promise.measuredOn, expected.promise.measured_on);
  expected.promise.elsewhere.forEach((rate, at) =>
    close("promise", found.promise.elsewhere[at], rate, 1e-9),
  );
}

test("voiceprints from recordings equal Python's", async () => {
  const verifier = await verifierAt(null);
  for (const voice of VOICES) {
    const own = await verifier.enroll(
      [recordingOf(`${voice}-enroll-1`), recordingOf(`${voice}-enroll-2`)],
      { name: voice },
    );
    const python = await voiceprintOf(voice);
    assert.equal(own.name, voice);
    assert.equal(own.modelSha256, python.modelSha256);
    reference.enrolled[voice].forEach((speechS, at) => close(voice, own.speechS[at], speechS, 1e-9));
    assert.ok((await verifier.score(own, python)) > -1e-6);
    // Written here, the file differs only by the time and by rounding.
    assert.equal((await own.toBytes()).length, bytesOf(`${voice}.voiceprint`).length);
  }
});

test("what Python refuses to enroll is refused for the same reason", async () => {
  const verifier = await verifierAt(null);
  for (const { recordings, error, problems } of reference.refused) {
    const enrolling = verifier.enroll(recordings.map(recordingOf), { name: "ana" });
    if (error === null) {
      await enrolling;
      continue;
    }
    await assert.rejects(enrolling, (refusal) => {
      assert.ok(refusal instanceof EnrollmentError);
      assert.deepEqual(refusal.problems, problems, `${recordings}: ${refusal.message}; ${error}`);
      return true;
    });
    if (recordings.includes("noisy")) {
      await verifier.enroll(recordings.map(recordingOf), { name: "ana", accept: problems });
    }
  }
});

test("scores are symmetric and zero for the same recording", async () => {
  const verifier = await verifierAt(null);
  const [a, b] = [recordingOf("slt-probe"), recordingOf("rms-probe")];
  assert.equal(await verifier.score(a, a), 0);
  assert.equal(await verifier.score(a, b), await verifier.score(b, a));
  assert.ok((await verifier.score(a, b)) < 0);
});
