/**
 * Encoding of a recording in one pass over blocks, with a state carried between them.
 *
 * Each call embeds two sums: the speech so far, and the current piece of speech. Block lengths are
 * those of the Python runtime, because pieces end with blocks.
 */

import { SpeechLevel } from "../audio/levels.js";
import { AudioTooShortError } from "../errors.js";
import { contextSamples, frameS } from "../model/manifest.js";
import type { StatefulGraph } from "./graph.js";
import { PieceCollector, type Pieces } from "./pieces.js";

const HOPS_PER_BLOCK = 5;
const NUM_SUMS = 2;

/** The encoding of a recording. */
export interface Encoding {
  /** Logits of the speech, of length T. */
  readonly embedding: Float32Array;
  /** Net speech and duration in seconds. */
  readonly speechS: number;
  readonly durationS: number;
  readonly pieces: Pieces;
  /** Level of the speech; null without speech. */
  readonly speechDbfs: number | null;
  /** Standard deviation of its levels; null for less than a second of speech. */
  readonly variationDb: number | null;
  /** Share of the samples of speech that lie at full scale; null without speech. */
  readonly clippedShare: number | null;
}

/** Called with the newest hop of samples of each frame, and which of the frames are speech. */
export type FrameListener = (samples: Float32Array, isSpeech: readonly boolean[]) => void;

/**
 * Encode a waveform at the model's rate.
 *
 * Throws AudioTooShortError if it is shorter than the model's minimum.
 */
export async function encode(
  graph: StatefulGraph,
  waveform: Float32Array,
  listener?: FrameListener,
): Promise<Encoding> {
  const { manifest } = graph;
  const { sampleRateHz, hopSamples } = manifest.frontend;
  const durationS = waveform.length / sampleRateHz;
  if (durationS < manifest.minimumS) {
    throw new AudioTooShortError(manifest.minimumS, durationS);
  }
  const context = contextSamples(manifest);
  // One zero stands for the sample before the first (pre-emphasis).
  const numFrames = Math.floor((1 + waveform.length - context) / hopSamples);
  const blockFrames = HOPS_PER_BLOCK * manifest.hopFrames;
  const size = manifest.statisticsSize;
  const sums = new Float64Array(NUM_SUMS * size);
  const collector = new PieceCollector(manifest.temperature);
  const level = new SpeechLevel(manifest.hopFrames);
  let cache: Float32Array = new Float32Array(manifest.cacheSize);
  let soFar: Float32Array | undefined;
  let speechFrames = 0;
  let pieceFrames = 0;
  for (let first = 0; first < numFrames; first += blockFrames) {
    const count = Math.min(blockFrames, numFrames - first);
    // Padded to whole hops, with frames of weight 0.
    const padded = Math.ceil(count / manifest.hopFrames) * manifest.hopFrames;
    const samples = new Float32Array(graph.numSamples(padded));
    const at = first * hopSamples - 1;
    const used = waveform.subarray(Math.max(0, at), at + graph.numSamples(count));
    samples.set(used, at < 0 ? 1 : 0);
    const outputs = await graph.run({
      samples,
      frameWeights: new Float32Array(padded).fill(1, 0, count),
      cache,
      statistics: Float32Array.from(sums),
    });
    cache = outputs.nextCache;
    for (let index = 0; index < sums.length; index += 1) {
      sums[index]! += outputs.hopStatistics[index % size]!;
    }
    soFar = outputs.embeddings[0];
    const piece = outputs.embeddings[1];
    const isSpeech = Array.from(
      outputs.speech.subarray(0, count),
      (probability) => probability >= manifest.speechThreshold,
    );
    const newest = samples.subarray(context, context + count * hopSamples);
    const numSpeech = isSpeech.filter(Boolean).length;
    speechFrames += numSpeech;
    pieceFrames += numSpeech;
    level.take(newest, isSpeech);
    listener?.(newest, isSpeech);
    const pieceS = pieceFrames * frameS(manifest);
    if (pieceS >= collector.pieceS) {
      collector.add(piece!, pieceS);
      sums.fill(0, size);
      pieceFrames = 0;
    }
  }
  if (soFar === undefined) {
    throw new AudioTooShortError(manifest.frontend.windowSamples / sampleRateHz, durationS);
  }
  return {
    embedding: soFar,
    speechS: speechFrames * frameS(manifest),
    durationS,
    pieces: collector.pieces,
    speechDbfs: level.dbfs,
    variationDb: level.variationDb,
    clippedShare: level.clippedShare,
  };
}
