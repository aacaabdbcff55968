/**
 * When the evidence is sufficient: a sequential test between "the enrolled speaker" and "another".
 *
 *     accept at  threshold(far, speech) + ln 3,    reject at  ln(miss_rate / (1 - far))
 *
 * A test at every hop sees a stranger's highest LLR, not a typical one: all tests of a turn
 * together count as three. Source: measured, docs/streaming.md; A. Wald, "Sequential tests of
 * statistical hypotheses", 1945.
 */

import { ConfigError } from "../errors.js";
import type { Verdict } from "./outcome.js";

/** Margin that is added to the threshold of a single test. */
export const LOOKS_LLR = Math.log(3);
/** A return by half of the way from a bound does not change the decision. */
const RELEASE_SHARE = 0.5;
/** Consecutive hops of speech in which the window must contradict a decision to revoke it. */
const PATIENCE_HOPS = 5;

/** The evidence of speech for a speaker. */
export interface Evidence {
  readonly llr: number;
  /** Accept when the LLR reaches this; less for more speech. */
  readonly acceptLlr: number;
}

/** The settings of a sequential test. */
export class SequentialBounds {
  /** Reject when the LLR falls to this. */
  readonly rejectLlr: number;

  /** Throws ConfigError if a rate or the limit is out of range. */
  constructor(
    far: number,
    missRate: number,
    readonly limitS: number,
  ) {
    if (!(far > 0 && far < 0.5 && missRate > 0 && missRate < 0.5 && limitS > 0)) {
      throw new ConfigError(
        "expected error rates between 0 and 0.5 and a limit above 0 s, got " +
          `${far}, ${missRate} and ${limitS} s`,
      );
    }
    this.rejectLlr = Math.log(missRate / (1 - far));
  }
}

/** The test of one enrolled speaker on one stream. */
export class SequentialTest {
  verdict: Verdict = "no_speech";
  /** Net speech until the decision; null before it. */
  decidedS: number | null = null;
  /** Whether the verdict is final: a bound or the limit was passed. */
  isDecided = false;
  private numContrary = 0;

  constructor(private readonly bounds: SequentialBounds) {}

  /** Restart with speech that may be another speaker's. */
  restart(): void {
    this.verdict = "inconclusive";
    this.decidedS = null;
    this.isDecided = false;
    this.numContrary = 0;
  }

  /** Restart without a speaker. */
  silence(): void {
    this.restart();
    this.verdict = "no_speech";
  }

  /**
   * Take the evidence of one more hop of speech.
   *
   * @param evidence evidence of the speech so far; null while it is too little.
   * @param window evidence of the window; null while it is too little.
   */
  update(evidence: Evidence | null, window: Evidence | null, speechS: number): void {
    if (this.verdict === "no_speech") {
      this.verdict = "inconclusive";
    }
    if (evidence === null) {
      return;
    }
    let weighed = evidence;
    if (window !== null && this.isContradicted(window)) {
      this.restart();
      weighed = window;
    }
    if (this.verdict === "inconclusive") {
      this.decide(weighed, speechS);
    }
  }

  private decide(evidence: Evidence, speechS: number): void {
    if (evidence.llr >= evidence.acceptLlr) {
      this.verdict = "accept";
    } else if (evidence.llr <= this.bounds.rejectLlr) {
      this.verdict = "reject";
    } else if (speechS < this.bounds.limitS) {
      return;
    }
    if (!this.isDecided || this.verdict !== "inconclusive") {
      this.decidedS = speechS;
    }
    this.isDecided = true;
  }

  /** Whether the window has contradicted the decision for long enough. */
  private isContradicted(window: Evidence): boolean {
    let isContrary: boolean;
    if (this.verdict === "accept") {
      // Never while the window itself would be accepted: bounds of high rates are low.
      isContrary =
        window.llr <= RELEASE_SHARE * this.bounds.rejectLlr && window.llr < window.acceptLlr;
    } else if (this.verdict === "reject") {
      isContrary = window.llr >= RELEASE_SHARE * window.acceptLlr;
    } else {
      return false;
    }
    this.numContrary = isContrary ? this.numContrary + 1 : 0;
    return this.numContrary >= PATIENCE_HOPS;
  }
}
