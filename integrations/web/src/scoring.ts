/**
 * Symmetric KL divergence of embeddings, in nats.
 *
 * A vector z of logits represents p = softmax(z); J = KL(p||q) + KL(q||p) = sum (p - q)(z_p - z_q).
 * The score is -J. Source: H. Jeffreys, "An invariant form for the prior probability in estimation
 * problems", 1946.
 */

/** J >= 0 of two vectors of logits of one length. */
export function symmetricKl(a: Float32Array, b: Float32Array): number {
  const p = softmax(a);
  const q = softmax(b);
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += (p[index]! - q[index]!) * (a[index]! - b[index]!);
  }
  return sum;
}

/** Maximum cosine distance of two embeddings of the same audio, at this dimension and above. */
const COPY_DISTANCE = 0.025;
const LEAST_DIM = 256;
/** Maximum divergence of copies in nats, for embeddings of any length. */
const COPY_DIVERGENCE = 0.00078;

/**
 * Whether two embeddings are of the same audio, possibly at another level or from a codec.
 *
 * Near 0, J is 2 T^2 (1 - cosine) / D for embeddings of length T. The bound grows with T in the
 * same way up to that of the bundled model (T = 2, D = 256).
 */
export function isCopy(a: Float32Array, b: Float32Array): boolean {
  const scaled = (COPY_DISTANCE * 2 * lengthOf(a) * lengthOf(b)) / Math.max(LEAST_DIM, a.length);
  return symmetricKl(a, b) <= Math.min(scaled, COPY_DIVERGENCE);
}

/** The distribution that logits represent. */
export function softmax(logits: Float32Array): Float64Array {
  const powers = new Float64Array(logits.length);
  const highest = logits.reduce((most, value) => Math.max(most, value), -Infinity);
  let total = 0;
  for (let index = 0; index < logits.length; index += 1) {
    powers[index] = Math.exp(logits[index]! - highest);
    total += powers[index]!;
  }
  return powers.map((power) => power / total);
}

/** The Euclidean length of a vector. */
function lengthOf(vector: Float64Array | Float32Array): number {
  let squares = 0;
  for (const value of vector) {
    squares += value * value;
  }
  return Math.sqrt(squares);
}

/** A vector scaled to a Euclidean length; zeros, which have none, stay zeros. */
export function scaled(vector: Float64Array | Float32Array, length: number): Float32Array {
  const norm = lengthOf(vector);
  const factor = norm > 0 ? length / norm : 0;
  return Float32Array.from(vector, (value) => value * factor);
}

/** The mean of rows of one length. */
export function meanOf(rows: readonly Float32Array[]): Float64Array {
  const mean = new Float64Array(rows[0]!.length);
  for (const row of rows) {
    for (let index = 0; index < mean.length; index += 1) {
      mean[index]! += row[index]! / rows.length;
    }
  }
  return mean;
}
