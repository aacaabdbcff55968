/** Enrollment from recordings: each usable one becomes an exemplar of the voiceprint. */

import { type Recording, waveformOf } from "../audio/waveform.js";
import { AUDIO_PROBLEMS, type AudioProblem } from "../audio/quality.js";
import { llrsToTheOthers } from "../decision/one-voice.js";
import type { StatefulGraph } from "../encoder/graph.js";
import { AudioError, ConfigError, EnrollmentError } from "../errors.js";
import { isCopy } from "../scoring.js";
import { utcNow } from "../voiceprint/life.js";
import { checkName } from "../voiceprint/names.js";
import { Voiceprint } from "../voiceprint/voiceprint.js";
import {
  type MeasuredRecording,
  type RecordingQuality,
  findingOf,
  measure,
  problemsOf,
  shortageFinding,
} from "./measure.js";
import { type Repetition, repetitions } from "./repetition.js";

/** A recording with this share of repeated speech contains nothing new. */
const USELESS_SHARE = 0.75;
/** The remaining speech of a loop must reach the minimum of any recording. */
const LEAST_NEW_S = 0.8;

/** See `Verifier.enroll`. */
export async function enrollRecordings(
  graph: StatefulGraph,
  recordings: readonly Recording[],
  givenName: string,
  accept: readonly string[],
): Promise<Voiceprint> {
  const name = checkName(givenName);
  const quoted = JSON.stringify(name);
  for (const key of accept) {
    if (!Object.hasOwn(AUDIO_PROBLEMS, key)) {
      throw new ConfigError(
        `expected a problem among ${Object.keys(AUDIO_PROBLEMS).join(", ")}, got ${key}`,
      );
    }
  }
  if (recordings.length === 0) {
    throw new EnrollmentError(`expected at least one recording of ${quoted}, got none`);
  }
  const { manifest } = graph;
  const measured: MeasuredRecording[] = [];
  for (const [index, recording] of recordings.entries()) {
    try {
      const waveform = waveformOf(recording, manifest.frontend.sampleRateHz);
      measured.push(await measure(graph, waveform));
    } catch (error) {
      if (error instanceof AudioError) {
        throw new EnrollmentError(
          `cannot enroll ${quoted} from recording ${index + 1}: ${error.message}`,
        );
      }
      throw error;
    }
  }
  const qualities = compared(graph, withoutRepetitions(measured));
  checkQuality(quoted, qualities, accept);
  return new Voiceprint({
    name,
    modelName: manifest.name,
    modelSha256: manifest.weightsSha256,
    temperature: manifest.temperature,
    exemplars: measured.map((one) => one.encoding.embedding),
    speechS: qualities.map((quality) => quality.speechS),
    createdUtc: utcNow(),
  });
}

/** The recordings with repeated speech subtracted from the speech of each. */
function withoutRepetitions(measured: readonly MeasuredRecording[]): MeasuredRecording[] {
  const found = repetitions(measured.map((one) => one.rows));
  return measured.map((one, number) => {
    const repetition = found[number]!;
    const reason = uselessBecause(one, repetition, measured.slice(0, number));
    return {
      ...one,
      quality: {
        ...one.quality,
        speechS: one.encoding.speechS * (1 - repetition.share),
        repeatedShare: reason === null ? repetition.share : 1,
        repetition: reason === null ? null : `expected different recordings, ${reason}; leave it out`,
      },
    };
  });
}

/** The reason why a recording contains nothing new; null if it does, or has too little speech. */
function uselessBecause(
  one: MeasuredRecording,
  { share, source }: Repetition,
  earlier: readonly MeasuredRecording[],
): string | null {
  if (one.quality.shortage !== null) {
    return null;
  }
  const same = earlier.findIndex((other) => isCopy(one.encoding.embedding, other.encoding.embedding));
  if (same >= 0) {
    return `it is the same as recording ${same + 1}`;
  }
  const newS = one.encoding.speechS * (1 - share);
  if (source === null || (share < USELESS_SHARE && newS >= LEAST_NEW_S)) {
    return null;
  }
  const percent = `${(100 * share).toFixed(0)}%`;
  if (source < earlier.length) {
    return `${percent} of its speech repeats recording ${source + 1}`;
  }
  return newS < LEAST_NEW_S
    ? `${percent} of its speech repeats itself, which leaves ${newS.toFixed(1)} s`
    : null;
}

/** The qualities, with comparisons between the recordings. */
function compared(
  graph: StatefulGraph,
  measured: readonly MeasuredRecording[],
): RecordingQuality[] {
  const qualities = measured.map((one) => one.quality);
  const { calibration } = graph.manifest;
  const usable = measured.filter(
    ({ quality }) => quality.shortage === null && quality.repetition === null,
  );
  if (calibration === null || usable.length === 0) {
    return qualities;
  }
  const llrs = llrsToTheOthers(
    {
      embeddings: usable.map((one) => one.encoding.embedding),
      speechS: usable.map((one) => one.encoding.speechS),
    },
    calibration,
  );
  return measured.map((one) => {
    const at = usable.indexOf(one);
    return at < 0 ? one.quality : { ...one.quality, othersLlr: llrs[at]! };
  });
}

/** Throws an EnrollmentError that lists all problems of all recordings. */
function checkQuality(
  quoted: string,
  qualities: readonly RecordingQuality[],
  accept: readonly string[],
): void {
  const findings: string[] = [];
  const keys = new Set<AudioProblem>();
  qualities.forEach((quality, index) => {
    const refused = problemsOf(quality).filter((problem) => !accept.includes(problem));
    let found: string[];
    if (quality.repetition !== null) {
      found = [quality.repetition];
    } else if (quality.shortage !== null) {
      found = [shortageFinding(quality)];
    } else {
      found = refused.map((problem) => findingOf(quality, problem));
      refused.forEach((problem) => keys.add(problem));
    }
    findings.push(...found.map((finding) => `recording ${index + 1}: ${finding}`));
  });
  if (findings.length > 0) {
    const overrule = keys.size > 0 ? `; to enroll anyway, accept ${[...keys].join(", ")}` : "";
    throw new EnrollmentError(
      `cannot enroll ${quoted} from ${findings.join("; ")}${overrule}`,
      [...keys],
    );
  }
}
