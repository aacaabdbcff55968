/** Pieces of a recording: successive embeddings of about half a second of speech each. */

import { scaled } from "../scoring.js";

const PIECE_S = 0.3;
/** Above this number neighbors are joined: comparisons grow with the square of the number. */
const MOST_PIECES = 512;

/** Embeddings, and the net speech of each in seconds. */
export interface Pieces {
  readonly embeddings: readonly Float32Array[];
  readonly speechS: readonly number[];
}

/** Collects the pieces of a recording of any length in bounded memory. */
export class PieceCollector {
  private embeddings: Float32Array[] = [];
  private speechS: number[] = [];
  /** Net speech of a piece in seconds. */
  pieceS = PIECE_S;

  constructor(private readonly temperature: number) {}

  get pieces(): Pieces {
    return { embeddings: this.embeddings, speechS: this.speechS };
  }

  add(embedding: Float32Array, speechS: number): void {
    this.embeddings.push(embedding);
    this.speechS.push(speechS);
    if (this.embeddings.length === MOST_PIECES) {
      this.joinNeighbours();
    }
  }

  private joinNeighbours(): void {
    const pairs = Array.from({ length: MOST_PIECES / 2 }, (_, number) => 2 * number);
    this.embeddings = pairs.map((at) =>
      pooled(this.embeddings.slice(at, at + 2), this.speechS.slice(at, at + 2), this.temperature),
    );
    this.speechS = pairs.map((at) => this.speechS[at]! + this.speechS[at + 1]!);
    this.pieceS *= 2;
  }
}

/** The mean of embeddings, weighted by their speech, scaled to their length. */
export function pooled(
  embeddings: readonly Float32Array[],
  speechS: readonly number[],
  length: number,
): Float32Array {
  const sum = new Float64Array(embeddings[0]!.length);
  embeddings.forEach((embedding, row) => {
    for (let index = 0; index < sum.length; index += 1) {
      sum[index]! += speechS[row]! * embedding[index]!;
    }
  });
  return scaled(sum, length);
}
