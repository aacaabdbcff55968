/** Verification of a recording: which of the enrolled speakers speaks, if any? */

import { STEADY_DB } from "../audio/levels.js";
import { pairNearness } from "../calibration/cohort.js";
import type { Encoding } from "../encoder/stateful.js";
import type { AudioTooShortError } from "../errors.js";
import { isCopy, symmetricKl } from "../scoring.js";
import type { Voiceprint } from "../voiceprint/voiceprint.js";
import { SECOND_VOICE_LLR, leastCohesion } from "./one-voice.js";
import { type Decision, type Identification, comparedWithin, repeated } from "./outcome.js";
import { type DecisionRule, speechShortage } from "./rule.js";

/** Decide which of the enrolled speakers speaks in a recording, if any. */
export function identified(
  voiceprints: readonly Voiceprint[],
  probe: Encoding,
  rule: DecisionRule,
): Identification {
  const { calibration } = rule;
  let shortage = speechShortage(probe.speechS, probe.durationS, calibration);
  if (probe.variationDb !== null && probe.variationDb < STEADY_DB) {
    shortage = {
      verdict: "no_speech",
      reason:
        `a tone or hum, not speech: its level varies by ${probe.variationDb.toFixed(1)} dB, ` +
        `expected ${STEADY_DB} or more`,
    };
  }
  if (shortage !== null) {
    const enrolledS = voiceprints[0]!.totalSpeechS;
    return withoutAnswer(
      rule.undecidable(shortage.verdict, shortage.reason, enrolledS, probe.speechS),
    );
  }
  const cohesion = leastCohesion(probe.pieces, calibration);
  const near = calibration.nearness(probe.embedding);
  const ranking = voiceprints
    .map((voiceprint) => {
      const enrolled = voiceprint.embedding;
      const decision = rule.decide(
        0 - symmetricKl(probe.embedding, enrolled),
        voiceprint.totalSpeechS,
        probe.speechS,
        probe.speechDbfs,
        probe.clippedShare,
        pairNearness(calibration.nearness(enrolled), near),
      );
      const within = comparedWithin(decision, cohesion, SECOND_VOICE_LLR);
      const known = [...voiceprint.exemplars, ...voiceprint.adapted];
      const isKnown = known.some((row) => isCopy(probe.embedding, row));
      return {
        name: voiceprint.name,
        decision: isKnown ? repeated(within, "an enrolled one") : within,
      };
    })
    .sort((a, b) => b.decision.llr! - a.decision.llr!);
  const best = ranking[0]!;
  const next = ranking[1];
  return {
    decision: best.decision,
    speaker: best.decision.accepted ? best.name : null,
    margin: next === undefined ? null : best.decision.llr! - next.decision.llr!,
    ranking,
  };
}

/** Give no answer for a recording that is too short to be encoded. */
export function unanswered(
  voiceprint: Voiceprint,
  error: AudioTooShortError,
  rule: DecisionRule,
): Identification {
  return withoutAnswer(
    rule.undecidable("inconclusive", error.message, voiceprint.totalSpeechS, 0),
  );
}

function withoutAnswer(decision: Decision): Identification {
  return { decision, speaker: null, margin: null, ranking: [] };
}
