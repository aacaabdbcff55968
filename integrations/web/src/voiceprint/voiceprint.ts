/**
 * A voiceprint: the result of an enrollment, and its file format (docs/formats/voiceprint.md).
 *
 * It contains one embedding per recording (exemplar), never audio, and is bound to the weights that
 * made them. Files are those of the Python package, byte for byte.
 */

import { ConfigError, IncompatibleModelError, VoiceprintError } from "../errors.js";
import type { Manifest } from "../model/manifest.js";
import { meanOf, scaled } from "../scoring.js";
import { readContainer, writeContainer } from "./container.js";
import { checkName, isVisible } from "./names.js";

const MAGIC = Uint8Array.from([0x89, 0x53, 0x50, 0x4b, 0x56, 0x0d, 0x0a, 0x1a]);
const NEWEST_VERSION = 2;
const MAXIMUM_BYTES = 2 ** 26;
const MAXIMUM_LABEL = 200;
const MAXIMUM_SPEECH_S = 1e9;
const MAXIMUM_ADAPTED = 8;
const ADAPTED_SHARE = 0.3;
const LENGTH_TOLERANCE = 1e-3;
const CREATED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)$/;
const KEYS = [
  "created_utc", "embedding_dim", "model_name", "model_sha256", "name", "num_exemplars",
  "speech_s", "temperature",
]; // prettier-ignore

export interface VoiceprintValues {
  /** Name of the speaker. */
  readonly name: string;
  /** Name of the model that made the exemplars, for display. */
  readonly modelName: string;
  /** SHA-256 of its weights; the voiceprint works with no other weights. */
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
  /** The mean of the exemplars, scaled to length T; adapted ones have at most 30 % of it. */
  readonly embedding: Float32Array;

  /** Throws VoiceprintError where a value is out of range. */
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
    const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
    if (bytes.length > MAXIMUM_BYTES) {
      throw new VoiceprintError(
        `not a voiceprint: expected at most ${MAXIMUM_BYTES} bytes, got ${bytes.length}`,
      );
    }
    const { version, header, content } = await readContainer(bytes, MAGIC, NEWEST_VERSION);
    const isAdapted = version === NEWEST_VERSION;
    const expected = isAdapted ? ["adapted_speech_s", ...KEYS] : KEYS;
    if (Object.keys(header).sort().join() !== expected.join()) {
      throw invalid(`expected a header with the keys ${expected.join(", ")}`);
    }
    const text = (key: string): string => {
      const value = header[key];
      if (typeof value !== "string") {
        throw invalid(`expected ${key} in the header as text`);
      }
      return value;
    };
    const number = (key: string): number => {
      const value = header[key];
      if (typeof value !== "number") {
        throw invalid(`expected ${key} in the header as a number`);
      }
      return value;
    };
    const numbers = (key: string): number[] => {
      const value = header[key];
      if (!Array.isArray(value) || !value.every((item) => typeof item === "number")) {
        throw invalid(`expected ${key} in the header as numbers`);
      }
      return value;
    };
    const numExemplars = number("num_exemplars");
    const dim = number("embedding_dim");
    const adaptedSpeechS = isAdapted ? numbers("adapted_speech_s") : [];
    const numRows = numExemplars + adaptedSpeechS.length;
    if (
      !(Number.isInteger(numExemplars) && Number.isInteger(dim) && numExemplars > 0 && dim > 0) ||
      4 * dim * numRows !== content.length
    ) {
      throw invalid(
        `expected ${numExemplars} + ${adaptedSpeechS.length} exemplars of ${dim} values, got ` +
          `${content.length} bytes`,
      );
    }
    const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
    const rows = Array.from({ length: numRows }, (_, row) =>
      Float32Array.from({ length: dim }, (_, at) => view.getFloat32(4 * (row * dim + at), true)),
    );
    try {
      return new Voiceprint({
        name: text("name"),
        modelName: text("model_name"),
        modelSha256: text("model_sha256"),
        temperature: number("temperature"),
        exemplars: rows.slice(0, numExemplars),
        speechS: numbers("speech_s"),
        createdUtc: text("created_utc"),
        adapted: rows.slice(numExemplars),
        adaptedSpeechS,
      });
    } catch (error) {
      if (error instanceof ConfigError) {
        throw invalid(error.message);
      }
      throw error;
    }
  }

  /** The bytes of the file; equal voiceprints give equal bytes. */
  async toBytes(): Promise<Uint8Array> {
    const values: Record<string, string> = {
      created_utc: JSON.stringify(this.createdUtc),
      embedding_dim: String(this.exemplars[0]!.length),
      model_name: JSON.stringify(this.modelName),
      model_sha256: JSON.stringify(this.modelSha256),
      name: JSON.stringify(this.name),
      num_exemplars: String(this.exemplars.length),
      speech_s: `[${this.speechS.map(pythonFloat).join(",")}]`,
      temperature: pythonFloat(this.temperature),
    };
    const isAdapted = this.adapted.length > 0;
    if (isAdapted) {
      values["adapted_speech_s"] = `[${this.adaptedSpeechS.map(pythonFloat).join(",")}]`;
    }
    const header = Object.keys(values)
      .sort()
      .map((key) => `"${key}":${values[key]}`);
    const rows = [...this.exemplars, ...this.adapted];
    const content = new Uint8Array(4 * rows.length * rows[0]!.length);
    const view = new DataView(content.buffer);
    rows.forEach((row, number) =>
      row.forEach((value, at) => view.setFloat32(4 * (number * row.length + at), value, true)),
    );
    return writeContainer(MAGIC, isAdapted ? 2 : 1, `{${header.join(",")}}`, content);
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
    for (const label of [this.modelName, this.modelSha256]) {
      if (!isVisible(label) || label.length > MAXIMUM_LABEL) {
        throw invalid("expected a model_name and model_sha256 of visible characters");
      }
    }
    if (!CREATED.test(this.createdUtc) || Number.isNaN(Date.parse(this.createdUtc))) {
      throw invalid(`expected created_utc with offset +00:00, got ${this.createdUtc.slice(0, 40)}`);
    }
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

function invalid(what: string): VoiceprintError {
  return new VoiceprintError(`the voiceprint's content is not valid: ${what}`);
}

/** A number as Python writes it: 2.0, 1e-05, 1e+16. */
function pythonFloat(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e16)) {
    const [digits, exponent] = value.toExponential().split("e");
    return `${digits}e${exponent![0]}${exponent!.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
