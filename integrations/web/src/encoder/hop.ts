/** Live encoding of one stream, hop by hop: samples in, three embeddings out if there is speech. */

import {
  type Manifest,
  contextSamples,
  frameS,
  hopS,
  hopSamples,
} from "../model/manifest.js";
import type { StatefulGraph } from "./graph.js";
import { NUM_WINDOWS, RECENT_S, StatisticsRing } from "./statistics-ring.js";

/** Share of speech frames from which a hop counts as evidence: a single frame is often a click. */
const SPEECH_SHARE = 0.2;

/** The state of one stream. */
export class HopEncoder {
  /** Highest speech probability of the frames in the last hop. */
  speechProbability = 0;
  /** Net speech of the last hop in seconds. */
  hopSpeechS = 0;
  /** Whether the last hop has enough speech to be scored. */
  isEvidence = false;
  /** Set it to false to ignore the speech of the next hop. */
  isUsable = true;
  /** Embeddings of the window, the speech so far and the recent speech, at the last speech. */
  embeddings: readonly Float32Array[];
  /** Samples taken since the start. */
  numSamples = 0;
  private readonly manifest: Manifest;
  private readonly context: number;
  private readonly buffer: Float32Array;
  private filled = 1; // the first value is a zero before the first sample
  private cache: Float32Array;
  private readonly ring: StatisticsRing;

  constructor(
    private readonly graph: StatefulGraph,
    windowS?: number,
  ) {
    const { manifest } = graph;
    this.manifest = manifest;
    this.context = contextSamples(manifest);
    this.buffer = new Float32Array(graph.numSamples(manifest.hopFrames));
    this.cache = new Float32Array(manifest.cacheSize);
    this.embeddings = Array.from(
      { length: NUM_WINDOWS },
      () => new Float32Array(manifest.embeddingDim),
    );
    const hops = (seconds: number): number => Math.max(1, Math.round(seconds / hopS(manifest)));
    this.ring = new StatisticsRing(
      manifest.statisticsSize,
      hops(windowS ?? manifest.windowS),
      hops(RECENT_S),
    );
  }

  /** Hops of the recent speech. */
  get recentHops(): number {
    return Math.max(1, Math.round(RECENT_S / hopS(this.manifest)));
  }

  /** Net speech since the last restart in seconds. */
  get speechS(): number {
    return this.ring.framesSoFar * frameS(this.manifest);
  }

  /** Net speech in the window in seconds. */
  get windowSpeechS(): number {
    return this.ring.windowFrames * frameS(this.manifest);
  }

  /** Frames of an incomplete hop. */
  get numFrames(): number {
    const complete = this.filled - this.context;
    return Math.max(0, Math.floor(complete / this.manifest.frontend.hopSamples));
  }

  /** Take as many samples as fit into the hop and return the rest; null if none are left. */
  fill(samples: Float32Array): Float32Array | null {
    const count = Math.min(samples.length, this.buffer.length - this.filled);
    this.buffer.set(samples.subarray(0, count), this.filled);
    this.filled += count;
    this.numSamples += count;
    return count === samples.length ? null : samples.subarray(count);
  }

  /** Whether a hop is complete and must be encoded. */
  get isFull(): boolean {
    return this.filled === this.buffer.length;
  }

  /** The newest samples of a complete hop. */
  get newest(): Float32Array {
    return this.buffer.slice(-hopSamples(this.manifest));
  }

  /** Encode the complete hop and make room for the next. */
  async encode(numFrames = this.manifest.hopFrames): Promise<void> {
    const outputs = await this.graph.run({
      samples: this.buffer.slice(),
      frameWeights: new Float32Array(this.manifest.hopFrames).fill(1, 0, numFrames),
      cache: this.cache,
      statistics: this.ring.sums(),
    });
    const speech = outputs.speech.subarray(0, numFrames);
    const speechFrames = speech.filter((value) => value >= this.manifest.speechThreshold).length;
    this.speechProbability = Math.max(0, ...speech);
    this.hopSpeechS = speechFrames * frameS(this.manifest);
    const hasSpeech = this.isUsable && speechFrames > 0;
    this.isEvidence = hasSpeech && speechFrames >= SPEECH_SHARE * numFrames;
    this.cache = outputs.nextCache;
    if (hasSpeech) {
      this.ring.take(outputs.hopStatistics, speechFrames);
      this.embeddings = outputs.embeddings;
    } else {
      this.ring.skip();
    }
    this.buffer.copyWithin(0, hopSamples(this.manifest));
    this.filled = this.context;
  }

  /** Encode the frames of an incomplete hop, at the end of a stream. */
  async encodeRemainder(): Promise<void> {
    const { numFrames } = this;
    this.buffer.fill(0, this.filled);
    await this.encode(numFrames);
  }

  /** Drop the speech so far, except its last hops; the state of the graph is kept. */
  restart(keepHops = 0): void {
    this.ring.restart(keepHops);
  }

  /** Reset everything except the samples of the next hop, which is the first. */
  reset(): void {
    this.cache = new Float32Array(this.manifest.cacheSize);
    this.buffer[0] = 0;
    this.ring.restart();
  }

  /** Drop the samples of an incomplete hop: the next one is the first of a new recording. */
  dropSamples(): void {
    this.buffer[0] = 0;
    this.filled = 1;
  }
}
