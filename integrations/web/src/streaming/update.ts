/** Updates of a live stream. */

import type { Verdict } from "../decision/outcome.js";

/** The evidence and the verdict for one enrolled speaker. */
export interface Candidate {
  readonly name: string;
  /** -J in nats and LLR of the last window; null if there is too little speech. */
  readonly score: number | null;
  readonly llr: number | null;
  /** The same for the speech since the last pause or change of speaker. */
  readonly totalScore: number | null;
  readonly totalLlr: number | null;
  /** Verdict of the sequential test on that speech. */
  readonly verdict: Verdict;
  /** False while an `inconclusive` verdict may still change. */
  readonly isDecided: boolean;
  /** Net speech in seconds until the decision; null before it. */
  readonly decidedS: number | null;
}

/** The update of one hop. Scores, LLRs and verdict are those of the best candidate. */
export interface StreamUpdate {
  /** End of the hop in seconds since the start of the stream, including lost audio. */
  readonly timeS: number;
  /** Highest speech probability of the frames in the hop. */
  readonly speech: number;
  /** Net speech in seconds since the last pause or change of speaker, and in the last window. */
  readonly speechS: number;
  readonly windowSpeechS: number;
  readonly score: number | null;
  readonly llr: number | null;
  readonly totalScore: number | null;
  readonly totalLlr: number | null;
  readonly verdict: Verdict;
  /** The accepted candidate with the highest evidence; null if none is accepted. */
  readonly speaker: string | null;
  /** Total LLR of the best candidate minus that of the second. */
  readonly margin: number | null;
  /** Seconds since the last hop with speech, which the scores belong to. */
  readonly ageS: number;
  /** Whether the speaker has changed; the evidence restarts with the recent speech. */
  readonly hasChanged: boolean;
  /** Seconds of audio lost before this hop (0 if unknown), which reset the evidence. */
  readonly lostS: number | null;
  /** The enrolled speakers in the given order. */
  readonly candidates: readonly Candidate[];
}
