/** The value of a recording for enrollment: net speech, levels, one voice, no repetition. */

import { QUIET_DBFS, STEADY_DB } from "../audio/levels.js";
import {
  AUDIO_PROBLEMS,
  type AudioLevels,
  type AudioProblem,
  AudioQuality,
  CLIPPED_HOPS_SHARE,
  NARROW_BAND_DB,
  NOISY_SNR_DB,
  SCATTERED_SHARE,
  levelProblems,
} from "../audio/quality.js";
import { OTHER_VOICE_LLR, SECOND_VOICE_LLR, leastCohesion } from "../decision/one-voice.js";
import { SHORTEST_SPEECH_S, speechShortage } from "../decision/rule.js";
import type { StatefulGraph } from "../encoder/graph.js";
import { type Encoding, encode } from "../encoder/stateful.js";
import { hopSamples } from "../model/manifest.js";
import { SpectralTrack } from "./repetition.js";

/** Measurements of one recording. */
export interface RecordingQuality {
  readonly durationS: number;
  /** Net speech in seconds, without repeated speech. */
  readonly speechS: number;
  readonly levels: AudioLevels;
  /** Level of the loudest hop, speech or not. */
  readonly loudestDbfs: number | null;
  /** LLR of one voice for the two parts of the speech that differ most. */
  readonly oneVoiceLlr: number | null;
  /** LLR of one voice for this and the other recordings. */
  readonly othersLlr: number | null;
  /** The reason why there is too little speech; null if there is enough. */
  readonly shortage: string | null;
  /** Share of its speech that is repeated. */
  readonly repeatedShare: number;
  /** The reason why the repetition makes it useless; null if it is usable. */
  readonly repetition: string | null;
}

export interface MeasuredRecording {
  readonly encoding: Encoding;
  readonly quality: RecordingQuality;
  /** Band powers that show whether it repeats another one. */
  readonly rows: readonly Float32Array[];
}

/** Encode and measure a waveform; throws AudioTooShortError below the model's minimum. */
export async function measure(
  graph: StatefulGraph,
  waveform: Float32Array,
): Promise<MeasuredRecording> {
  const { manifest } = graph;
  const track = new SpectralTrack(manifest.frontend.sampleRateHz);
  track.push(waveform);
  const meter = new AudioQuality(manifest.frontend.sampleRateHz, Infinity);
  let loudestDbfs: number | null = null;
  const encoding = await encode(graph, waveform, (samples, isSpeech) => {
    const size = hopSamples(manifest);
    for (let hop = 0; (hop + 1) * manifest.hopFrames <= isSpeech.length; hop += 1) {
      const frames = isSpeech.slice(hop * manifest.hopFrames, (hop + 1) * manifest.hopFrames);
      const newest = samples.subarray(hop * size, (hop + 1) * size);
      meter.measure(newest);
      loudestDbfs = Math.max(loudestDbfs ?? -Infinity, meter.levelDbfs);
      meter.take(newest, frames.filter(Boolean).length / frames.length);
    }
  });
  const { calibration } = manifest;
  const shortage = speechShortage(encoding.speechS, encoding.durationS, calibration);
  const quality = {
    durationS: encoding.durationS,
    speechS: encoding.speechS,
    levels: meter.levels,
    loudestDbfs,
    oneVoiceLlr: calibration === null ? null : leastCohesion(encoding.pieces, calibration),
    othersLlr: null,
    shortage: shortage === null ? null : shortage.reason,
    repeatedShare: 0,
    repetition: null,
  };
  return { encoding, quality, rows: track.rows };
}

/** The problems of a recording, except a shortage of speech. */
export function problemsOf(quality: RecordingQuality): AudioProblem[] {
  const found = levelProblems(quality.levels);
  if (quality.oneVoiceLlr !== null && quality.oneVoiceLlr <= SECOND_VOICE_LLR) {
    found.push("second-voice");
  }
  if (quality.othersLlr !== null && quality.othersLlr <= OTHER_VOICE_LLR) {
    found.push("unlike-others");
  }
  return found;
}

/** A sentence on a problem: the measured and the expected value, and what to do. */
export function findingOf(quality: RecordingQuality, problem: AudioProblem): string {
  const { levels } = quality;
  const number = (value: number | null): string => (value === null ? "unknown" : value.toFixed(1));
  const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
  const measured: Record<AudioProblem, string> = {
    steady: `its level varies by ${number(levels.variationDb)} dB, expected ${STEADY_DB} or more`,
    scattered:
      `${percent(levels.wholeShare ?? 0)} of what resembles speech lasts 0.1 s or longer, ` +
      `expected ${percent(SCATTERED_SHARE)} or more`,
    clipped:
      `${percent(levels.clippedShare ?? 0)} of the speech is cut off at full scale, expected at ` +
      `most ${percent(CLIPPED_HOPS_SHARE)}`,
    "too-quiet": `speech at ${number(levels.speechDbfs)} dBFS, expected ${QUIET_DBFS} or more`,
    noisy: `speech ${number(levels.snrDb)} dB above the noise, expected ${NOISY_SNR_DB} or more`,
    "narrow-band":
      `${number(levels.highBandDb)} dB above 4 kHz, expected ${NARROW_BAND_DB} or more`,
    "second-voice":
      `llr ${number(quality.oneVoiceLlr)} between two parts of it, expected above ` +
      `${SECOND_VOICE_LLR}`,
    "unlike-others":
      `llr ${number(quality.othersLlr)} against the others, expected above ${OTHER_VOICE_LLR}`,
  };
  const [what, remedy] = AUDIO_PROBLEMS[problem].split(": ", 2);
  return `${what} (${measured[problem]}): ${remedy}`;
}

/** A sentence on the shortage of speech, and what to do. */
export function shortageFinding(quality: RecordingQuality): string {
  if (quality.loudestDbfs !== null && quality.loudestDbfs < QUIET_DBFS) {
    return (
      `${quality.shortage}, and no part is louder than ${quality.loudestDbfs.toFixed(0)} dBFS; ` +
      "come closer or raise the input level"
    );
  }
  const advice =
    quality.speechS < SHORTEST_SPEECH_S ? "check that somebody speaks in it" : "record longer";
  return `${quality.shortage}; ${advice}`;
}
