/** The answer of a verification: one of four verdicts, with its evidence. */

/** `accept` and `reject` are answers; the other two give the reason for none. */
export type Verdict = "accept" | "reject" | "inconclusive" | "no_speech";

/** The false-accept rate of a decision, and how well it was tested. */
export interface Promised {
  /** The requested rate. */
  readonly far: number;
  /** Lowest and highest rate on corpora that were left out; nine of ten are in between. */
  readonly elsewhere: readonly [number, number];
  /** Corpora and conditions of the fit. */
  readonly measuredOn: readonly string[];
}

/** The answer to "is this the enrolled speaker?". */
export interface Decision {
  readonly verdict: Verdict;
  /** Whether the verdict is `accept`. */
  readonly accepted: boolean;
  /** -J in nats: at most 0, higher for more similar voices; null with too little speech. */
  readonly score: number | null;
  /** Natural log of the likelihood ratio, same speaker versus different speakers. */
  readonly llr: number | null;
  /** Probability of the same speaker, if both answers were equally likely before. */
  readonly probability: number | null;
  /** `llr` from which the probe is accepted. */
  readonly threshold: number;
  /** Net speech in the probe in seconds. */
  readonly speechS: number;
  /** One sentence for people. */
  readonly reason: string;
  /** LLR of one voice for the two parts of the recording that differ most. */
  readonly oneVoiceLlr: number | null;
  /** Whether that LLR means that two people speak. Such a recording is never accepted. */
  readonly voiceChanged: boolean;
  readonly promise: Promised;
}

/** The answer to "which of these speakers is it, if any?". */
export interface Identification {
  /** The decision about the best candidate. */
  readonly decision: Decision;
  /** The best candidate if accepted, null for an unknown speaker or no answer. */
  readonly speaker: string | null;
  /** LLR of the best candidate minus that of the second; null if there is none. */
  readonly margin: number | null;
  /** Every candidate, best first; empty without an answer. */
  readonly ranking: readonly { readonly name: string; readonly decision: Decision }[];
}

/** The same evidence without an answer, for this reason. */
export function inconclusive(decision: Decision, reason: string): Decision {
  return { ...decision, verdict: "inconclusive", accepted: false, reason };
}

/**
 * The decision, with the comparison of the recording's own parts.
 *
 * One person's speech must not be accepted with another's: with two voices, `accept` becomes
 * `inconclusive`.
 */
export function comparedWithin(
  decision: Decision,
  oneVoiceLlr: number | null,
  bound: number,
): Decision {
  if (oneVoiceLlr === null || oneVoiceLlr > bound) {
    return { ...decision, oneVoiceLlr };
  }
  const verdict = decision.accepted ? "inconclusive" : decision.verdict;
  const reason =
    `${decision.reason}; the voice changes within the recording (llr ` +
    `${signed(oneVoiceLlr, 1)} between two parts of it, expected above ${bound}): try with only ` +
    "one person";
  return { ...decision, verdict, accepted: false, reason, oneVoiceLlr, voiceChanged: true };
}

/**
 * The decision about a probe that repeats a known recording: `accept` becomes `inconclusive`.
 *
 * The voice is the speaker's, but nothing shows that the speaker is present.
 *
 * @param what the known recording, such as "an enrolled one".
 */
export function repeated(decision: Decision, what: string): Decision {
  if (!decision.accepted) {
    return decision;
  }
  const reason = `${decision.reason}; repeats a known recording (${what}): say something else`;
  return inconclusive(decision, reason);
}

/** A number with its sign. */
export function signed(value: number, digits: number): string {
  return (value < 0 ? "" : "+") + value.toFixed(digits);
}
