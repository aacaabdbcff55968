/**
 * A cohort: embeddings of other people. It shows whether many others sound like a voice or channel.
 *
 * The nearness of an embedding is its mean score with the most similar members. Thresholds depend
 * on it (docs/adr/0012-promise.md). Source: S. Cumani et al., "Comparison of speaker recognition
 * approaches for real applications", 2011.
 */

import { ConfigError } from "../errors.js";
import { softmax } from "../scoring.js";

/** The nearness of the two sides of a trial, in nats. */
export interface Nearness {
  /** The excess over the usual nearness, of both together. */
  readonly excess: number;
  /** Distance between their conditions; 0 if both have the same one. */
  readonly distance: number;
  /** The excess over other speech of the nearness to telephone speech; 0 unless both are nearer. */
  readonly telephone: number;
}

/** The nearness of two usual recordings in one condition, and of any two without a cohort. */
export const TYPICAL: Nearness = { excess: 0, distance: 0, telephone: 0 };

/** The nearness of a pair, from `Cohort.nearness` of each side. */
export function pairNearness(a: Float64Array, b: Float64Array): Nearness {
  if (a.length === 0) {
    return TYPICAL;
  }
  let squares = 0;
  for (let index = 2; index < a.length; index += 1) {
    squares += (a[index]! - b[index]!) ** 2;
  }
  return {
    excess: a[0]! + b[0]!,
    distance: Math.sqrt(squares),
    telephone: Math.max(0, Math.min(a[1]!, b[1]!)),
  };
}

export class Cohort {
  private readonly shares: readonly Float64Array[];
  private readonly terms: readonly number[];

  private constructor(
    private readonly members: readonly Float32Array[],
    private readonly nearest: number,
    private readonly conditions: number,
    private readonly telephone: number | null,
    private readonly typical: number,
  ) {
    this.shares = members.map(softmax);
    this.terms = members.map((member, row) => dot(member, this.shares[row]!));
  }

  /** Read the manifest's JSON: base64 of rows of float16, and their settings. */
  static fromJson(json: unknown, embeddingDim: number): Cohort {
    const values = json as Record<string, unknown>;
    const { rows, nearest } = values;
    const conditions = values["conditions"] ?? 1;
    const telephone = values["telephone"] ?? null;
    const typical = values["typical"] ?? 0;
    if (values["embedding_dim"] !== embeddingDim) {
      throw new ConfigError(
        `expected a cohort of embeddings of ${embeddingDim} values, got ` +
          `${values["embedding_dim"]}: it belongs to another model`,
      );
    }
    const counts = [nearest, conditions];
    if (!counts.every((count) => Number.isInteger(count) && (count as number) > 0)) {
      throw new ConfigError(`expected whole numbers above 0 of a cohort, got ${counts}`);
    }
    if (typeof typical !== "number" || typeof rows !== "string") {
      throw new ConfigError("expected the rows of a cohort in base64 and a usual nearness");
    }
    const members = float16Rows(rows, embeddingDim);
    const perCondition = members.length / (conditions as number);
    if (!Number.isInteger(perCondition) || (nearest as number) > perCondition) {
      throw new ConfigError(
        `expected a cohort with at least ${nearest} rows for each of ${conditions} conditions, ` +
          `got ${members.length} rows`,
      );
    }
    if (
      telephone !== null &&
      !(Number.isInteger(telephone) && (telephone as number) >= 0 && (telephone as number) < (conditions as number))
    ) {
      throw new ConfigError(
        `expected the number of a condition below ${conditions} as that by telephone, got ${telephone}`,
      );
    }
    return new Cohort(
      members,
      nearest as number,
      conditions as number,
      telephone as number | null,
      typical,
    );
  }

  /**
   * The nearness of an embedding to the cohort. First the mean score with the most similar members,
   * minus the usual one; then that of telephone speech, or 0 without such a condition; then the
   * mean scores with the members of each condition, minus their mean.
   */
  nearness(embedding: Float32Array): Float64Array {
    const own = softmax(embedding);
    const ownTerm = dot(embedding, own);
    // -J = sum p_a z_b + p_b z_a - p_a z_a - p_b z_b
    const scores = this.members.map(
      (member, row) =>
        dot(member, own) + dot(embedding, this.shares[row]!) - ownTerm - this.terms[row]!,
    );
    const size = scores.length / this.conditions;
    const few = Math.max(1, Math.floor(this.nearest / 2));
    const each = Array.from({ length: this.conditions }, (_, condition) =>
      meanOfLargest(scores.slice(condition * size, (condition + 1) * size), few),
    );
    const mean = each.reduce((sum, value) => sum + value, 0) / each.length;
    return Float64Array.from([
      meanOfLargest(scores, this.nearest) - this.typical,
      this.telephone === null ? 0 : each[this.telephone]! - mean,
      ...each.map((value) => value - mean),
    ]);
  }
}

function meanOfLargest(values: readonly number[], count: number): number {
  const largest = Float64Array.from(values).sort().slice(-count);
  return largest.reduce((sum, value) => sum + value, 0) / count;
}

function dot(a: Float32Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += a[index]! * b[index]!;
  }
  return sum;
}

function float16Rows(base64: string, dim: number): Float32Array[] {
  let binary: string;
  try {
    binary = atob(base64);
  } catch (error) {
    throw new ConfigError("expected the rows of a cohort in base64", { cause: error });
  }
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  if (bytes.length === 0 || bytes.length % (2 * dim) !== 0) {
    throw new ConfigError(`expected whole rows of ${dim} values in a cohort, got ${bytes.length} bytes`);
  }
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / (2 * dim) }, (_, row) =>
    Float32Array.from({ length: dim }, (_, column) => float16(view.getUint16(2 * (row * dim + column), true))),
  );
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) {
    throw new ConfigError("expected finite embeddings in the cohort");
  }
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
