// Print the cost of the package and its difference from Python, as JSON.
import { readFileSync } from "node:fs";

import { Verifier } from "../dist/index.js";
import { modelBytes, recordingOf, reference, voiceprintOf } from "./reference.mjs";

const ROUNDS = 30;

/** Nanoseconds that the main thread has run, without those of other programs (only on Linux). */
function threadTime() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);
}

/** Milliseconds of a call on the main thread. */
async function cost(call) {
  const before = threadTime();
  const result = await call();
  return { result, ms: (threadTime() - before) / 1e6 };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

const { result: verifier, ms: loadMs } = await cost(() => Verifier.load(modelBytes));
const voiceprint = await voiceprintOf("slt");
const { samples, sampleRateHz } = recordingOf("long");
const threeSeconds = { samples: samples.slice(0, 3 * sampleRateHz), sampleRateHz };
const verifyMs = [];
for (let round = 0; round < ROUNDS; round += 1) {
  verifyMs.push((await cost(() => verifier.verify(voiceprint, threeSeconds))).ms);
}
const stream = verifier.stream([voiceprint]);
const hopMs = [];
const hop = sampleRateHz / 10;
for (let at = 0; at + hop <= samples.length; at += hop) {
  const block = { samples: samples.subarray(at, at + hop), sampleRateHz };
  hopMs.push((await cost(() => stream.push(block))).ms);
}

const people = await Promise.all(["slt", "rms", "awb", "kal16"].map(voiceprintOf));
const found = { same_rate: [], resampled: [] };
let numVerdicts = 0;
let numOther = 0;
for (const expected of reference.decisions.filter((one) => one.far === null)) {
  const recording = recordingOf(expected.recording);
  const { ranking } = await verifier.identify(people, recording);
  for (const { name, decision } of expected.ranking) {
    const own = ranking.find((one) => one.name === name).decision;
    const kind = recording.sampleRateHz === 16000 ? "same_rate" : "resampled";
    found[kind].push(Math.abs(own.score - decision.score));
    numVerdicts += 1;
    numOther += own.verdict === decision.verdict ? 0 : 1;
  }
}
console.log(
  JSON.stringify({
    load_ms: loadMs,
    verify_3s_ms: median(verifyMs),
    hop_ms: median(hopMs),
    num_verdicts: numVerdicts,
    num_other_verdicts: numOther,
    score_difference: Math.max(...found.same_rate),
    score_difference_resampled: Math.max(...found.resampled),
  }),
);
