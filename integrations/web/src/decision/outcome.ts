/** What a verification answers: a verdict of four kinds, with the evidence behind it. */

/** `accept` and `reject` are answers; the other two say why there is none. */
export type Verdict = "accept" | "reject" | "inconclusive" | "no_speech";

/** The false-accept rate that a decision was made under, and what stands behind it. */
export interface Promised {
  /** The asked-for rate. */
  readonly far: number;
  /** Lowest and highest rate on corpora that were left out; nine in ten lie between. */
  readonly elsewhere: readonly [number, number];
  /** Corpora and conditions of the fit. */
  readonly measuredOn: readonly string[];
}

/** The answer to "is this the enrolled speaker?". */
export interface Decision {
  readonly verdict: Verdict;
  /** Whether the verdict is `accept`. */
  readonly accepted: boolean;
  /** -J in nats: at most 0, higher = more alike; null with too little speech to compare. */
  readonly score: number | null;
  /** Natural log of the likelihood ratio, same speaker against different. */
  readonly llr: number | null;
  /** Of the same speaker, if both answers were equally likely before. */
  readonly probability: number | null;
  /** Accepted when `llr` is at least this. */
  readonly threshold: number;
  /** Net speech in the probe in seconds. */
  readonly speechS: number;
  /** One sentence for people. */
  readonly reason: string;
  /** llr of one voice for the two parts of the recording that differ most. */
  readonly oneVoiceLlr: number | null;
  /** Whether that is so low that two people speak. No such recording is accepted. */
  readonly voiceChanged: boolean;
  readonly promise: Promised;
}

/** The answer to "which of these speakers is it, if any?". */
export interface Identification {
  /** That of the best candidate. */
  readonly decision: Decision;
  /** The best candidate if accepted, null for an unknown speaker or no answer. */
  readonly speaker: string | null;
  /** llr of the best candidate less that of the runner-up; null if there is none. */
  readonly margin: number | null;
  /** Every candidate, best first; empty without an answer. */
  readonly ranking: readonly { readonly name: string; readonly decision: Decision }[];
}

/** The decision, knowing that its evidence supports no verdict. */
export function undecided(decision: Decision, verdict: Verdict, reason: string): Decision {
  return { ...decision, verdict, accepted: verdict === "accept", reason };
}

/**
 * The decision, knowing how much the recording's own parts differ.
 *
 * What one person's part supports must not be accepted for the other's: with two voices, `accept`
 * becomes `inconclusive`.
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
  return { ...undecided(decision, verdict, reason), oneVoiceLlr, voiceChanged: true };
}

/**
 * The decision about a probe that repeats a known recording: `accept` becomes `inconclusive`.
 *
 * The voice is the speaker's, but nothing shows that they are there.
 *
 * @param what the known recording, such as "an enrolled one".
 */
export function repeated(decision: Decision, what: string): Decision {
  if (!decision.accepted) {
    return decision;
  }
  const reason =
    `${decision.reason}; repeats a known recording, ${what}: expected newly spoken words, try ` +
    "again with others";
  return undecided(decision, "inconclusive", reason);
}

/** A number with its sign. */
export function signed(value: number, digits: number): string {
  return (value < 0 ? "" : "+") + value.toFixed(digits);
}
