/** Decision rules: the LLR that a probe must reach for a requested false-accept rate. */

import { OVERDRIVEN_SHARE, QUIET_DBFS } from "../audio/levels.js";
import type { Calibration, OperatingPoint } from "../calibration/calibration.js";
import { type Nearness, TYPICAL } from "../calibration/cohort.js";
import { ConfigError } from "../errors.js";
import { type Decision, type Promised, type Verdict, inconclusive, signed } from "./outcome.js";

export const DEFAULT_FAR = 0.01;
// If fewer of the speaker's own recordings than this reach the threshold, missing it is not a
// reason to reject.
const SUPPORTED_FRR = 0.5;
// A syllable lasts longer. The frames of a tone or a click that look like speech are fewer.
export const SHORTEST_SPEECH_S = 0.1;

/** From a score and the speech of both sides to a decision. */
export class DecisionRule {
  private readonly point: OperatingPoint;
  readonly promise: Promised;

  /** Throws ConfigError if the calibration trials cannot support the rate. */
  constructor(
    readonly calibration: Calibration,
    readonly far: number,
  ) {
    if (!(far > 0 && far < 1)) {
      throw new ConfigError(`expected a false-accept rate between 0 and 1, got ${far}`);
    }
    this.point = calibration.operatingPoint(far);
    this.promise = {
      far,
      elsewhere: this.point.elsewhere,
      measuredOn: calibration.measuredOn,
    };
  }

  /** The LLR that a probe must reach. */
  threshold(enrolledSpeechS: number, probeSpeechS: number, nearness: Nearness = TYPICAL): number {
    return this.point.threshold(
      this.calibration.comparableSpeechS(enrolledSpeechS, probeSpeechS),
      nearness,
    );
  }

  /**
   * Accept, reject, or ask for more or better speech.
   *
   * `inconclusive`: the evidence is in favor but misses a threshold that most recordings of the
   * speaker with this little speech would miss; or the probe is too quiet or too
   * clipped to reject.
   */
  decide(
    score: number,
    enrolledSpeechS: number,
    probeSpeechS: number,
    probeDbfs: number | null,
    probeClippedShare: number | null,
    nearness: Nearness,
  ): Decision {
    const llr = this.calibration.llr(score, enrolledSpeechS, probeSpeechS);
    const threshold = this.threshold(enrolledSpeechS, probeSpeechS, nearness);
    const accepted = llr >= threshold;
    const relation = accepted ? "reaches" : "is below";
    const caution = this.point.caution(nearness);
    const stricter = caution === null ? "" : ` (the stricter one for ${caution})`;
    const decision: Decision = {
      verdict: accepted ? "accept" : "reject",
      accepted,
      score,
      llr,
      probability: 1 / (1 + Math.exp(-llr)),
      threshold,
      speechS: probeSpeechS,
      reason: `llr ${signed(llr, 2)} ${relation} the threshold ${signed(threshold, 2)}${stricter}`,
      oneVoiceLlr: null,
      voiceChanged: false,
      promise: this.promise,
    };
    const poor = poorSpeech(probeDbfs, probeClippedShare);
    if (poor !== null && !accepted) {
      return inconclusive(decision, `${decision.reason}, but ${poor}`);
    }
    if (accepted || llr < 0) {
      return decision;
    }
    const speechS = this.calibration.comparableSpeechS(enrolledSpeechS, probeSpeechS);
    const frr = this.point.frrAt(speechS);
    const reason =
      `${decision.reason}, which ${(100 * frr).toFixed(0)}% of a speaker's own recordings miss at `;
    if (frr <= SUPPORTED_FRR) {
      return { ...decision, reason: `${reason}this much speech; try again with more` };
    }
    return inconclusive(decision, `${reason}so little speech${this.advice()}`);
  }

  /** The decision on a probe that has too little speech to be scored. */
  undecidable(verdict: Verdict, reason: string, enrolledSpeechS: number, speechS: number): Decision {
    return {
      verdict,
      accepted: false,
      score: null,
      llr: null,
      probability: null,
      threshold: this.threshold(enrolledSpeechS, speechS),
      speechS,
      reason,
      oneVoiceLlr: null,
      voiceChanged: false,
      promise: this.promise,
    };
  }

  /** The speech on both sides that supports a rejection, if any in the calibration does. */
  private advice(): string {
    const { frrSlope, frrLogit } = this.point;
    if (!(frrSlope < 0)) {
      return "";
    }
    const odds = Math.log(SUPPORTED_FRR / (1 - SUPPORTED_FRR));
    const logNeeded = (odds - frrLogit) / frrSlope;
    if (logNeeded > Math.log(this.calibration.maximumSpeechS)) {
      return "";
    }
    const neededS = Math.ceil(10 * Math.exp(logNeeded)) / 10;
    return `; ${neededS.toFixed(1)} s on both sides is enough`;
  }
}

/** Why speech is too poor to reject, and what to do; null if it is not. */
function poorSpeech(dbfs: number | null, clippedShare: number | null): string | null {
  if (dbfs !== null && dbfs < QUIET_DBFS) {
    return (
      `speech at ${dbfs.toFixed(0)} dBFS is too quiet to reject, expected ${QUIET_DBFS} or more; ` +
      "come closer or raise the input level"
    );
  }
  if (clippedShare !== null && clippedShare > OVERDRIVEN_SHARE) {
    return (
      `speech with ${(100 * clippedShare).toFixed(0)}% of its samples at full scale is too ` +
      `clipped to reject, expected ${100 * OVERDRIVEN_SHARE}% or less; lower the input level`
    );
  }
  return null;
}

/** The reason why a recording has too little speech for a decision; null if it has enough. */
export function speechShortage(
  speechS: number,
  durationS: number,
  calibration: Calibration | null,
): { verdict: Verdict; reason: string } | null {
  if (speechS < SHORTEST_SPEECH_S) {
    return { verdict: "no_speech", reason: `no speech found in ${durationS.toFixed(1)} s of audio` };
  }
  if (calibration === null || speechS >= calibration.minimumSpeechS) {
    return null;
  }
  return {
    verdict: "inconclusive",
    reason:
      `${speechS.toFixed(2)} s of speech is too little for a decision, at least ` +
      `${calibration.minimumSpeechS} s is needed`,
  };
}
