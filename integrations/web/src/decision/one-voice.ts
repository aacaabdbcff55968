/**
 * Whether all speech is one person's: parts of a recording are compared with each other, and
 * recordings with the rest.
 *
 * pieces -> every split into a first and a second part, and the best split into two groups
 * -> the two parts with the least LLR of one voice -> two voices if that is low
 */

import type { Calibration } from "../calibration/calibration.js";
import { type Pieces, pooled } from "../encoder/pieces.js";
import { symmetricKl } from "../scoring.js";
import { principalVector } from "./eigenvector.js";

/** Bound between a recording and others, and between a stream's recent and earlier speech. */
export const OTHER_VOICE_LLR = -0.75;
/**
 * Bound between the parts of one recording that differ most, lower because it is the minimum of
 * many LLRs. Written by
 * `python -m benchmarks.voices.second_voice --fit`.
 */
export const SECOND_VOICE_LLR = -2.3;
/** Minimum speech of a part, and speech of the windows that are assigned to two groups. */
const PART_S = 1.0;
const ROUNDS = 10;

/** The minimum LLR of one voice for two parts; null with too little speech for two. */
export function leastCohesion(pieces: Pieces, calibration: Calibration): number | null {
  const numbers = Array.from(pieces.embeddings, (_, number) => number);
  const choices = numbers.slice(1).map((first) => numbers.map((number) => number < first));
  const groups = twoGroups(pieces);
  const llrs = (groups === null ? choices : [...choices, groups])
    .map((first) => ({ first, second: first.map((is) => !is) }))
    .filter(({ first, second }) =>
      [first, second].every((part) => speechOf(pieces, part) >= PART_S),
    )
    .map(({ first, second }) => groupLlr(pieces, first, second, calibration));
  return llrs.length > 0 ? Math.min(...llrs) : null;
}

/**
 * Which pieces are in the first of two groups; null if there is only one window.
 *
 * Windows of pieces are assigned to the groups, because pieces are short. A piece belongs to the group
 * of the window around it.
 */
function twoGroups(pieces: Pieces): boolean[] | null {
  const { embeddings, speechS } = pieces;
  const speechUntil = [0];
  speechS.forEach((pieceS, number) => speechUntil.push(speechUntil[number]! + pieceS));
  const windows: { first: number; last: number }[] = [];
  for (let first = 0; first < speechS.length; first += 1) {
    const last = speechUntil.findIndex((until) => until >= speechUntil[first]! + PART_S);
    if (last >= 0) {
      windows.push({ first, last });
    }
  }
  if (windows.length < 2) {
    return null;
  }
  const covered = windows.map(({ first, last }) =>
    embeddings.map((_, number) => number >= first && number < last),
  );
  const inFirst = mostDifferent({
    embeddings: covered.map((chosen) => pooledOf(pieces, chosen)),
    speechS: covered.map((chosen) => speechOf(pieces, chosen)),
  });
  return embeddings.map((_, number) => {
    const far = windows.map(({ first, last }) => Math.abs(number - (first + last - 1) / 2));
    return inFirst[far.indexOf(Math.min(...far))]!;
  });
}

/**
 * Each recording's LLR with the others of the larger group; null for a single one.
 *
 * @param known number of one that is certainly the speaker's: its group counts as the larger.
 */
export function llrsToTheOthers(
  recordings: Pieces,
  calibration: Calibration,
  known?: number,
): (number | null)[] {
  const count = recordings.embeddings.length;
  if (count < 2) {
    return [null];
  }
  const inFirst = mostDifferent(recordings);
  const numFirst = inFirst.filter(Boolean).length;
  let reference: boolean[];
  if (known !== undefined) {
    reference = inFirst.map((is) => is === inFirst[known]);
  } else if (2 * numFirst === count) {
    reference = inFirst.map(() => true);
  } else {
    reference = inFirst.map((is) => is === 2 * numFirst > count);
  }
  return inFirst.map((_, number) => {
    const one = inFirst.map((_, other) => other === number);
    const others = reference.map((is, other) => is && other !== number);
    return groupLlr(
      recordings,
      one,
      others.some(Boolean) ? others : one.map((is) => !is),
      calibration,
    );
  });
}

function groupLlr(
  pieces: Pieces,
  a: readonly boolean[],
  b: readonly boolean[],
  calibration: Calibration,
): number {
  return calibration.llr(
    -symmetricKl(pooledOf(pieces, a), pooledOf(pieces, b)),
    speechOf(pieces, a),
    speechOf(pieces, b),
  );
}

function pooledOf(pieces: Pieces, chosen: readonly boolean[]): Float32Array {
  return pooled(
    pieces.embeddings.filter((_, number) => chosen[number]),
    pieces.speechS.filter((_, number) => chosen[number]),
    Math.hypot(...pieces.embeddings[0]!),
  );
}

function speechOf(pieces: Pieces, chosen: readonly boolean[]): number {
  return pieces.speechS.reduce((sum, speechS, number) => sum + (chosen[number] ? speechS : 0), 0);
}

/**
 * Which pieces are in the first of two groups; neither is empty.
 *
 * Begins with the sign of the first principal coordinate of the scores (J. C. Gower, "Some distance
 * properties of latent root and vector methods", Biometrika 1966).
 */
function mostDifferent(pieces: Pieces): boolean[] {
  const { embeddings } = pieces;
  const scores = embeddings.map((a) => Float64Array.from(embeddings, (b) => -symmetricKl(a, b)));
  const means = scores.map(average);
  const mean = average(means);
  const centred = scores.map((row, at) =>
    row.map((score, to) => score - means[at]! - means[to]! + mean),
  );
  const coordinate = principalVector(centred);
  const isOneSided =
    coordinate.every((value) => value > 0) || coordinate.every((value) => value <= 0);
  const bound = isOneSided ? median(coordinate) : 0;
  let inFirst = Array.from(coordinate, (value) => value > bound);
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = pooledOf(pieces, inFirst);
    const second = pooledOf(pieces, inFirst.map((is) => !is));
    const nearer = embeddings.map(
      (embedding) => symmetricKl(first, embedding) < symmetricKl(second, embedding),
    );
    if (
      nearer.every(Boolean) ||
      !nearer.some(Boolean) ||
      nearer.every((is, number) => is === inFirst[number])
    ) {
      break;
    }
    inFirst = nearer;
  }
  return inFirst;
}

function average(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: Float64Array): number {
  const sorted = values.slice().sort();
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
