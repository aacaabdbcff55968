// Print the cost of the package and its difference from Python, as JSON.
import { readFileSync } from "node:fs";

import { Verifier } from "../dist/index.js";
import { modelBytes, recordingOf, reference, voiceprintOf } from "./reference.mjs";

const ROUNDS = 30;

/**
 * Nanoseconds that the main thread has run, without those of other programs (only on Linux). The
 * kernel counts them up every few milliseconds: only the mean of many short calls is exact.
 */
function threadTime() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);
}

/** Milliseconds of a call on the main thread. */
async function cost(call) {
  const before = threadTime();
  const result = await call();
  return { result, ms: (threadTime() - before) / 1e6 };
}

/** Mean milliseconds of calls after the first one, which warms up. */
async function meanCost(calls) {
  await calls[0]();
  const { ms } = await cost(async () => {
    for (const call of calls.slice(1)) {
      await call();
    }
  });
  return ms / (calls.length - 1);
}

const { result: verifier, ms: loadMs } = await cost(() => Verifier.load(modelBytes));
const voiceprint = await voiceprintOf("slt");
const { samples, sampleRateHz } = recordingOf("long");
const threeSeconds = { samples: samples.slice(0, 3 * sampleRateHz), sampleRateHz };
const verifyMs = await meanCost(
  Array(ROUNDS).fill(() => verifier.verify(voiceprint, threeSeconds)),
);
const stream = verifier.stream([voiceprint]);
const hop = sampleRateHz / 10;
const pushes = [];
for (let at = 0; at + hop <= samples.length; at += hop) {
  const block = { samples: samples.subarray(at, at + hop), sampleRateHz };
  pushes.push(() => stream.push(block));
}
const hopMs = await meanCost(pushes);

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
    verify_3s_ms: verifyMs,
    hop_ms: hopMs,
    num_verdicts: numVerdicts,
    num_other_verdicts: numOther,
    score_difference: Math.max(...found.same_rate),
    score_difference_resampled: Math.max(...found.resampled),
  }),
);
