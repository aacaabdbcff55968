// Streams and live enrollments equal those of Python, hop by hop.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ClosedError,
  ConfigError,
  EnrollmentError,
  InferenceError,
  InvalidAudioError,
} from "../dist/index.js";
import {
  close,
  floatsOf,
  recordingOf,
  reference,
  tolerances,
  verifierAt,
  voiceprintOf,
} from "./reference.mjs";

for (const [file, rateHz, expected] of [
  ["stream.f32", 16000, reference.stream],
  ["stream-48k.f32", 48000, reference.stream_48k],
]) {
  test(`updates at ${rateHz} Hz equal Python's`, async () => {
    const verifier = await verifierAt(null);
    const people = [await voiceprintOf("rms"), await voiceprintOf("slt")];
    const stream = verifier.stream(people, { silenceS: 1 });
    const pushed = [];
    const samples = floatsOf(file);
    let hasGap = false;
    for (let position = 0, number = 0; position < samples.length; number += 1) {
      const size = reference.chunks[number % reference.chunks.length];
      const block = { samples: samples.subarray(position, position + size), sampleRateHz: rateHz };
      if (!hasGap && position > reference.gap_s * rateHz) {
        block.lostS = 0.25;
        hasGap = true;
      }
      pushed.push(stream.push(block)); // not awaited: calls run one after the other
      position += size;
    }
    const updates = [...(await Promise.all(pushed)).flat(), ...(await stream.finish())];
    // Another resampler may end a few samples earlier.
    const count = rateHz === 16000 ? expected.length : Math.min(updates.length, expected.length);
    assert.ok(Math.abs(updates.length - expected.length) <= (rateHz === 16000 ? 0 : 1));
    const verdicts = new Set();
    for (let at = 0; at < count - (rateHz === 16000 ? 0 : 1); at += 1) {
      compareUpdates(updates[at], expected[at], tolerances(rateHz));
      verdicts.add(updates[at].verdict);
    }
    assert.ok(verdicts.size > 2, `expected several verdicts to compare, got ${[...verdicts]}`);
    await assert.rejects(stream.push({ samples, sampleRateHz: rateHz }), ClosedError);
  });
}

function compareUpdates(found, expected, most) {
  const at = `hop at ${expected.time_s} s`;
  assert.equal(found.timeS, expected.time_s, at);
  assert.equal(found.verdict, expected.verdict, at);
  assert.equal(found.speaker, expected.speaker, at);
  assert.equal(found.hasChanged, expected.has_changed, at);
  assert.equal(found.ageS, expected.age_s, at);
  assert.equal(found.lostS, expected.lost_s, at);
  close(`${at} speech`, found.speech, expected.speech, most.speech);
  close(`${at} speechS`, found.speechS, expected.speech_s, most.speechS);
  close(`${at} score`, found.score, expected.score, most.score);
  close(`${at} total`, found.totalScore, expected.total_score, most.score);
  close(`${at} llr`, found.totalLlr, expected.total_llr, most.llr);
  close(`${at} margin`, found.margin, expected.margin, most.llr);
  found.candidates.forEach((candidate, index) => {
    const other = expected.candidates[index];
    assert.equal(candidate.name, other.name);
    assert.equal(candidate.verdict, other.verdict, at);
    assert.equal(candidate.isDecided, other.is_decided, at);
    close(`${at} decided`, candidate.decidedS, other.decided_s, most.speechS);
  });
}

test("a live enrollment follows Python's", async () => {
  const verifier = await verifierAt(null);
  const enrollment = verifier.enrollment({ name: "live", neededS: 5 });
  assert.throws(() => enrollment.voiceprint(), EnrollmentError);
  const { samples } = recordingOf("long");
  for (const [number, expected] of reference.live.progress.entries()) {
    const chunk = samples.subarray(number * 8000, (number + 1) * 8000);
    const progress = await enrollment.push({ samples: chunk, sampleRateHz: 16000 });
    const at = `after ${expected.time_s} s`;
    assert.equal(progress.isComplete, expected.is_complete, at);
    assert.equal(progress.problem, expected.problem, at);
    close(at, progress.speechS, expected.speech_s, 1e-6);
    close(at, progress.percent, expected.percent, 1e-3);
    close(at, progress.levelDbfs, expected.level_dbfs, 0.01);
    close(at, progress.snrDb, expected.snr_db, 0.01);
  }
  const voiceprint = enrollment.voiceprint();
  reference.live.speech_s.forEach((speechS, at) =>
    close("exemplar", voiceprint.speechS[at], speechS, 1e-6),
  );
  const decision = await verifier.verify(voiceprint, recordingOf("slt-probe"));
  assert.equal(decision.verdict, "accept");
  enrollment.close();
  assert.throws(() => enrollment.voiceprint(), ClosedError);
});

test("options out of range are refused", async () => {
  const verifier = await verifierAt(null);
  const people = [await voiceprintOf("slt")];
  for (const options of [
    { missRate: 0 }, { missRate: 0.7 }, { limitS: 0 }, { windowS: 0 }, { windowS: 601 },
    { silenceS: Infinity },
  ]) {
    assert.throws(() => verifier.stream(people, options), ConfigError, JSON.stringify(options));
  }
  assert.throws(() => verifier.stream([]), ConfigError);
  assert.throws(() => verifier.enrollment({ name: "a", neededS: 0.5 }), ConfigError);
  assert.throws(() => verifier.enrollment({ name: " " }), ConfigError);
});

test("a stream refuses another rate, bad samples and negative gaps, and continues", async () => {
  const verifier = await verifierAt(null);
  const stream = verifier.stream([await voiceprintOf("slt")]);
  const samples = new Float32Array(1600);
  await stream.push({ samples, sampleRateHz: 16000 });
  await assert.rejects(stream.push({ samples, sampleRateHz: 48000 }), ConfigError);
  await assert.rejects(stream.push({ samples: [0], sampleRateHz: 16000 }), InvalidAudioError);
  await assert.rejects(stream.gap(-1), ConfigError);
  assert.equal((await stream.push({ samples, sampleRateHz: 16000 })).length, 1);
  stream.close();
  await assert.rejects(stream.finish(), ClosedError);
});

/** Let the model of a verifier fail once, after some runs. */
function failOnce(verifier, numRuns) {
  const { graph } = verifier;
  const { run } = graph;
  let count = 0;
  graph.run = (inputs) => {
    count += 1;
    if (count <= numRuns) {
      return run.call(graph, inputs);
    }
    graph.run = run;
    return Promise.reject(new InferenceError("out of memory"));
  };
}

test("a failure of the model makes a gap in a stream", async () => {
  const verifier = await verifierAt(null);
  const stream = verifier.stream([await voiceprintOf("rms")]);
  const samples = floatsOf("stream.f32").subarray(0, 48000);
  const whole = await stream.push({ samples, sampleRateHz: 16000 });
  failOnce(verifier, 2);
  await assert.rejects(stream.push({ samples, sampleRateHz: 16000 }), InferenceError);
  const [next] = await stream.push({ samples, sampleRateHz: 16000 });
  assert.ok(whole.at(-1).speechS > next.speechS);
  // Two hops of the failed push were encoded, and the third was read.
  const hopS = whole[1].timeS - whole[0].timeS;
  close("lostS", next.lostS, 3 - 3 * hopS, hopS);
  close("timeS", next.timeS, 6 + hopS, hopS);
});

test("a failure of the model begins another exemplar", async () => {
  const verifier = await verifierAt(null);
  const enrollment = verifier.enrollment({ name: "rms" });
  const samples = floatsOf("stream.f32").subarray(0, 32000);
  const before = await enrollment.push({ samples, sampleRateHz: 16000 });
  assert.ok(before.speechS > 0.5);
  failOnce(verifier, 0);
  await assert.rejects(enrollment.push({ samples, sampleRateHz: 16000 }), InferenceError);
  assert.ok(enrollment.progress.speechS < before.speechS);
});
