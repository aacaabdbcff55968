/**
 * A voiceprint: the result of an enrollment, one person's voice as numbers.
 *
 * It contains one embedding per recording (exemplar), never audio, and is bound to the weights that
 * made them.
 */

import { ConfigError, ExpiredVoiceprintError, IncompatibleModelError } from "../errors.js";
import type { Manifest } from "../model/manifest.js";
import { meanOf, scaled } from "../scoring.js";
import { readVoiceprint, writeVoiceprint } from "./file.js";
import { type Change, type Consent, checkLabel, checkLife, invalid, utcTime } from "./life.js";
import { checkName } from "./names.js";

const MAXIMUM_SPEECH_S = 1e9;
const MAXIMUM_ADAPTED = 8;
const ADAPTED_SHARE = 0.3;
const LENGTH_TOLERANCE = 1e-3;

export interface VoiceprintValues {
  /** Name of the speaker. */
  readonly name: string;
  /** Name of the model that made the exemplars, for display. */
  readonly modelName: string;
  /** SHA-256 of its weights; the voiceprint works only with these weights. */
  readonly modelSha256: string;
  /** T, the Euclidean length of every exemplar. */
  readonly temperature: number;
  /** One embedding per recording. */
  readonly exemplars: readonly Float32Array[];
  /** Net speech of each recording in seconds. */
  readonly speechS: readonly number[];
  /** ISO 8601 time of enrollment with offset +00:00. */
  readonly createdUtc: string;
  /** Embeddings of accepted probes, oldest first. */
  readonly adapted?: readonly Float32Array[];
  /** Net speech of each accepted probe in seconds. */
  readonly adaptedSpeechS?: readonly number[];
  /** Time from which the voiceprint is refused; null means never. */
  readonly expiresUtc?: string | null;
  /** Record of the speaker's consent; null without one. */
  readonly consent?: Consent | null;
  /** Changes since enrollment, oldest first. */
  readonly history?: readonly Change[];
}

/** The exemplars of one speaker and their model. */
export class Voiceprint {
  readonly name: string;
  readonly modelName: string;
  readonly modelSha256: string;
  readonly temperature: number;
  readonly exemplars: readonly Float32Array[];
  readonly speechS: readonly number[];
  readonly createdUtc: string;
  readonly adapted: readonly Float32Array[];
  readonly adaptedSpeechS: readonly number[];
  readonly expiresUtc: string | null;
  readonly consent: Consent | null;
  readonly history: readonly Change[];
  /** The mean of the exemplars, scaled to length T; adapted ones have at most 30 % of it. */
  readonly embedding: Float32Array;

  /** Throws VoiceprintError if a value is out of range. */
  constructor(values: VoiceprintValues) {
    this.name = checkName(values.name);
    this.modelName = values.modelName;
    this.modelSha256 = values.modelSha256;
    this.temperature = values.temperature;
    this.exemplars = values.exemplars;
    this.speechS = values.speechS;
    this.createdUtc = values.createdUtc;
    this.adapted = values.adapted ?? [];
    this.adaptedSpeechS = values.adaptedSpeechS ?? [];
    this.expiresUtc = values.expiresUtc ?? null;
    this.consent = values.consent ?? null;
    this.history = values.history ?? [];
    this.check();
    const mean = this.mean();
    if (!mean.some((value) => value !== 0)) {
      throw invalid("expected exemplars that do not cancel each other");
    }
    this.embedding = scaled(mean, this.temperature);
  }

  /** Net speech of all recordings in seconds, without adapted exemplars. */
  get totalSpeechS(): number {
    return this.speechS.reduce((sum, speechS) => sum + speechS, 0);
  }

  /**
   * Read the bytes of a file.
   *
   * Throws VoiceprintError: not a voiceprint, of an unknown version, truncated or damaged.
   */
  static async fromBytes(data: Uint8Array | ArrayBuffer): Promise<Voiceprint> {
    const values = await readVoiceprint(data instanceof Uint8Array ? data : new Uint8Array(data));
    try {
      return new Voiceprint(values);
    } catch (error) {
      if (error instanceof ConfigError) {
        throw invalid(error.message);
      }
      throw error;
    }
  }

  /** The bytes of the file; equal voiceprints give equal bytes. */
  toBytes(): Promise<Uint8Array> {
    return writeVoiceprint(this);
  }

  /**
   * Check that the voiceprint may be compared now.
   *
   * Throws IncompatibleModelError: another model made it. ExpiredVoiceprintError: its time is
   * over; a clock that was set back counts as the latest time in the voiceprint.
   */
  checkUsable(manifest: Manifest): void {
    this.checkMadeBy(manifest);
    if (this.expiresUtc === null) {
      return;
    }
    const times = [this.createdUtc, ...this.history.map((change) => change.atUtc)];
    if (Math.max(Date.now(), ...times.map(utcTime)) >= utcTime(this.expiresUtc)) {
      throw new ExpiredVoiceprintError(this.name, this.expiresUtc);
    }
  }

  /** Throws IncompatibleModelError unless the model of a manifest made the exemplars. */
  checkMadeBy(manifest: Manifest): void {
    const dim = this.exemplars[0]!.length;
    if (
      this.modelSha256 === manifest.weightsSha256 &&
      dim === manifest.embeddingDim &&
      this.temperature === manifest.temperature
    ) {
      return;
    }
    // A forged file can name the right weights but contain other embeddings.
    const isSame = this.modelSha256 === manifest.weightsSha256;
    const label = (name: string, sha256: string, d: number, t: number): string =>
      `${name} (${sha256.slice(0, 12)}${isSame ? `, D ${d}, T ${t}` : ""})`;
    throw new IncompatibleModelError(
      label(manifest.name, manifest.weightsSha256, manifest.embeddingDim, manifest.temperature),
      label(this.modelName, this.modelSha256, dim, this.temperature),
    );
  }

  private mean(): Float64Array {
    const mean = meanOf(this.exemplars);
    const numAdapted = this.adapted.length;
    if (numAdapted === 0) {
      return mean;
    }
    const share = Math.min(ADAPTED_SHARE, numAdapted / (numAdapted + this.exemplars.length));
    const adapted = meanOf(this.adapted);
    return mean.map((value, at) => (1 - share) * value + share * adapted[at]!);
  }

  private check(): void {
    checkLabel(this.modelName);
    checkLabel(this.modelSha256);
    utcTime(this.createdUtc);
    checkLife(this.expiresUtc, this.consent, this.history);
    if (!(this.temperature > 0 && this.temperature < Infinity)) {
      throw invalid(`expected a temperature above 0, got ${this.temperature}`);
    }
    if (this.adapted.length > MAXIMUM_ADAPTED) {
      throw invalid(`expected at most ${MAXIMUM_ADAPTED} adapted exemplars`);
    }
    if (this.exemplars.length === 0) {
      throw invalid("expected at least one exemplar");
    }
    this.checkRows(this.exemplars, this.speechS);
    this.checkRows(this.adapted, this.adaptedSpeechS);
  }

  private checkRows(rows: readonly Float32Array[], speechS: readonly number[]): void {
    if (rows.length !== speechS.length) {
      throw invalid(`expected the speech of ${rows.length} exemplars, got ${speechS.length}`);
    }
    for (const row of rows) {
      const length = Math.hypot(...row);
      if (!(Math.abs(length - this.temperature) <= LENGTH_TOLERANCE * this.temperature)) {
        throw invalid(`expected exemplars of length ${this.temperature}, got ${length}`);
      }
    }
    if (!speechS.every((value) => value >= 0 && value <= MAXIMUM_SPEECH_S)) {
      throw invalid(`expected the speech of exemplars from 0 to ${MAXIMUM_SPEECH_S} s`);
    }
  }
}
