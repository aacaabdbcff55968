/**
 * Detection of a change of speaker: recent speech compared with the voice before it.
 *
 *     mean of  llr(last 1.4 s of speech, all speech until then)
 *         and  llr(last 1.4 s of speech, voiceprint of the accepted speaker, if there is one)
 *     <= -0.75  ->  the speaker has changed
 */

import type { Calibration } from "../calibration/calibration.js";
import { OTHER_VOICE_LLR } from "../decision/one-voice.js";
import { RECENT_S } from "../encoder/statistics-ring.js";
import { symmetricKl } from "../scoring.js";

/** The end of the recent speech that is certainly of the new voice; it starts the new evidence. */
export const KEPT_S = 0.8;
/** Minimum speech of the earlier voice: with less, there is nothing to compare with. */
const MINIMUM_BEFORE_S = 1.5;

/** Detects changes in one stream. Keeps the last embeddings of the speech so far. */
export class SpeakerChange {
  private before: { readonly embedding: Float32Array; readonly speechS: number }[] = [];

  constructor(
    private readonly recentHops: number,
    private readonly calibration: Calibration,
  ) {}

  /** Drop the earlier voice. */
  restart(): void {
    this.before = [];
  }

  /**
   * Take a hop of speech and return whether the voice has changed.
   *
   * @param acceptedLlr between the recent speech and the voiceprint of the accepted speaker.
   */
  update(
    recent: Float32Array,
    soFar: Float32Array,
    speechS: number,
    acceptedLlr: number | null,
  ): boolean {
    let llr: number | null = null;
    const earlier = this.before.length >= this.recentHops ? this.before.shift() : undefined;
    if (earlier !== undefined && earlier.speechS >= MINIMUM_BEFORE_S) {
      llr = this.calibration.llr(-symmetricKl(recent, earlier.embedding), earlier.speechS, RECENT_S);
      if (acceptedLlr !== null) {
        llr = (llr + acceptedLlr) / 2;
      }
    }
    this.before.push({ embedding: soFar, speechS });
    return llr !== null && llr <= OTHER_VOICE_LLR;
  }
}
