/** The life of a voiceprint: consent, expiry, and changes. */

import { VoiceprintError } from "../errors.js";
import { isVisible } from "./names.js";

const MAXIMUM_CHANGES = 100;
const MAXIMUM_LABEL = 200;
const MAXIMUM_SPEECH_S = 1e9;
const KINDS = ["appended", "adapted", "reverted"] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)$/;

/** Consent of a person to the use of their voice. */
export interface Consent {
  /** Who agreed: the speaker, or somebody for them. */
  readonly givenBy: string;
  /** Identifier of the text that they agreed to. */
  readonly textId: string;
  readonly givenUtc: string;
}

/** A change of a voiceprint after its enrollment. */
export interface Change {
  readonly kind: (typeof KINDS)[number];
  readonly atUtc: string;
  /** Net speech that was added or removed, in seconds. */
  readonly speechS: number;
}

/** Milliseconds of an ISO 8601 time with offset +00:00; throws VoiceprintError otherwise. */
export function utcTime(text: string): number {
  const time = TIME.test(text) ? Date.parse(text) : NaN;
  if (Number.isNaN(time)) {
    throw invalid(`expected a time with offset +00:00, got ${JSON.stringify(text.slice(0, 40))}`);
  }
  return time;
}

/** The current time in seconds, as in voiceprints. */
export function utcNow(): string {
  return `${new Date().toISOString().slice(0, 19)}+00:00`;
}

/** A label that may be shown; throws VoiceprintError otherwise. */
export function checkLabel(label: string, least = 0): void {
  if (!isVisible(label) || label.length < least || label.length > MAXIMUM_LABEL) {
    throw invalid(`expected at most ${MAXIMUM_LABEL} visible characters in a label`);
  }
}

/** Throws VoiceprintError if a value is out of range. */
export function checkLife(
  expiresUtc: string | null,
  consent: Consent | null,
  history: readonly Change[],
): void {
  if (expiresUtc !== null) {
    utcTime(expiresUtc);
  }
  if (consent !== null) {
    checkLabel(consent.givenBy, 1);
    checkLabel(consent.textId, 1);
    utcTime(consent.givenUtc);
  }
  if (history.length > MAXIMUM_CHANGES) {
    throw invalid(`expected at most ${MAXIMUM_CHANGES} changes, got ${history.length}`);
  }
  for (const { kind, atUtc, speechS } of history) {
    if (!KINDS.includes(kind) || !(speechS >= 0 && speechS < MAXIMUM_SPEECH_S)) {
      throw invalid(`expected changes of ${KINDS.join(", ")}, with seconds of speech`);
    }
    utcTime(atUtc);
  }
}

/** Read the consent of a header. */
export function consentOf(value: unknown): Consent | null {
  if (value === null) {
    return null;
  }
  const texts = typeof value === "object" ? (value as Record<string, unknown>) : {};
  const { given_by: givenBy, text_id: textId, given_utc: givenUtc } = texts;
  if (
    Object.keys(texts).length !== 3 ||
    typeof givenBy !== "string" ||
    typeof textId !== "string" ||
    typeof givenUtc !== "string"
  ) {
    throw invalid("expected a consent of the texts given_by, text_id, given_utc");
  }
  return { givenBy, textId, givenUtc };
}

/** Read the history of a header. */
export function historyOf(value: unknown): Change[] {
  if (!Array.isArray(value)) {
    throw invalid("expected history to be a list");
  }
  return value.map((item: unknown) => {
    const [kind, atUtc, speechS] = Array.isArray(item) && item.length === 3 ? item : [];
    if (typeof kind !== "string" || typeof atUtc !== "string" || typeof speechS !== "number") {
      throw invalid("expected changes of a kind, a time and seconds");
    }
    return { kind: kind as Change["kind"], atUtc, speechS };
  });
}

export function invalid(what: string): VoiceprintError {
  return new VoiceprintError(`the voiceprint's content is not valid: ${what}`);
}
