/** The principal eigenvector of a symmetric matrix. */

const MOST_SWEEPS = 30;
const TOLERANCE = 1e-14;

/**
 * The eigenvector of the largest eigenvalue.
 *
 * By rotations that remove one off-diagonal element each (C. G. J. Jacobi, 1846).
 *
 * @param matrix rows of a symmetric matrix; they are overwritten.
 */
export function principalVector(matrix: Float64Array[]): Float64Array {
  const size = matrix.length;
  const vectors = matrix.map((_, row) => {
    const unit = new Float64Array(size);
    unit[row] = 1;
    return unit;
  });
  const scale = matrix.reduce((most, row) => row.reduce((a, b) => Math.max(a, Math.abs(b)), most), 0);
  for (let sweep = 0; sweep < MOST_SWEEPS; sweep += 1) {
    let largest = 0;
    for (let p = 0; p < size; p += 1) {
      for (let q = p + 1; q < size; q += 1) {
        largest = Math.max(largest, Math.abs(matrix[p]![q]!));
        rotate(matrix, vectors, p, q, scale);
      }
    }
    if (largest <= TOLERANCE * scale) {
      break;
    }
  }
  let best = 0;
  for (let row = 1; row < size; row += 1) {
    if (matrix[row]![row]! > matrix[best]![best]!) {
      best = row;
    }
  }
  return vectors[best]!;
}

/** One rotation in the plane of p and q. Rows of `vectors` are the eigenvectors so far. */
function rotate(
  matrix: Float64Array[],
  vectors: Float64Array[],
  p: number,
  q: number,
  scale: number,
): void {
  const rowP = matrix[p]!;
  const rowQ = matrix[q]!;
  const off = rowP[q]!;
  if (Math.abs(off) <= TOLERANCE * scale) {
    return;
  }
  const theta = (rowQ[q]! - rowP[p]!) / (2 * off);
  const tangent = Math.sign(theta || 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  const sine = tangent * cosine;
  for (const row of matrix) {
    const atP = row[p]!;
    const atQ = row[q]!;
    row[p] = cosine * atP - sine * atQ;
    row[q] = sine * atP + cosine * atQ;
  }
  for (const [first, second] of [
    [rowP, rowQ],
    [vectors[p]!, vectors[q]!],
  ] as const) {
    for (let index = 0; index < first.length; index += 1) {
      const atP = first[index]!;
      const atQ = second[index]!;
      first[index] = cosine * atP - sine * atQ;
      second[index] = sine * atP + cosine * atQ;
    }
  }
}
