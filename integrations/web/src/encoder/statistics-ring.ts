/**
 * Pooling statistics of recent hops of speech, and their sums over windows.
 *
 * Sums are computed from the hops, never by subtraction: rounding errors do not accumulate in long
 * streams.
 */

/** Rows of `sums`, in the order of the graph's embeddings. */
export const WINDOW = 0;
export const SO_FAR = 1;
export const RECENT = 2;
export const NUM_WINDOWS = 3;
/** Recent speech in seconds, compared with the speech before it. */
export const RECENT_S = 1.4;

interface Hop {
  /** Number of the hop since the start of the stream. */
  readonly number: number;
  readonly statistics: Float32Array;
  readonly speechFrames: number;
}

/** Statistics of the speech in one stream. */
export class StatisticsRing {
  /** Hops with speech, oldest first: those of the window and the recent ones. */
  private hops: Hop[] = [];
  /** Speech so far that is no longer among the hops. */
  private readonly older: Float64Array;
  private next = 0; // number of the next hop
  /** Speech frames since the start or restart. */
  framesSoFar = 0;

  constructor(
    private readonly size: number,
    private readonly windowHops: number,
    private readonly recentHops: number,
  ) {
    this.older = new Float64Array(size);
  }

  /** Speech frames in the window that ends with the last hop. */
  get windowFrames(): number {
    return this.hops
      .filter((hop) => hop.number >= this.next - this.windowHops)
      .reduce((sum, hop) => sum + hop.speechFrames, 0);
  }

  /** The sums that the next hop is added to, one row per window. */
  sums(): Float32Array {
    const sums = new Float64Array(NUM_WINDOWS * this.size);
    sums.set(this.older, SO_FAR * this.size);
    // With the next hop, the oldest leaves the window, and the oldest of the recent ones.
    const firstInWindow = this.next + 1 - this.windowHops;
    const firstRecent = this.hops.length - (this.recentHops - 1);
    this.hops.forEach((hop, at) => {
      this.add(sums, SO_FAR, hop.statistics);
      if (hop.number >= firstInWindow) {
        this.add(sums, WINDOW, hop.statistics);
      }
      if (at >= firstRecent) {
        this.add(sums, RECENT, hop.statistics);
      }
    });
    return Float32Array.from(sums);
  }

  /** Add a hop with speech. */
  take(statistics: Float32Array, speechFrames: number): void {
    this.hops.push({ number: this.next, statistics, speechFrames });
    this.framesSoFar += speechFrames;
    if (this.hops.length > Math.max(this.windowHops, this.recentHops)) {
      this.add(this.older, 0, this.hops.shift()!.statistics);
    }
    this.next += 1;
  }

  /** Add a hop without speech. */
  skip(): void {
    this.next += 1;
  }

  /** Drop all speech except the last `keepHops` hops with speech, at most the recent ones. */
  restart(keepHops = 0): void {
    const kept = Math.min(keepHops, this.recentHops);
    this.hops = kept === 0 ? [] : this.hops.slice(-kept);
    this.older.fill(0);
    this.framesSoFar = this.hops.reduce((sum, hop) => sum + hop.speechFrames, 0);
  }

  private add(sums: Float64Array, row: number, statistics: Float32Array): void {
    const first = row * this.size;
    for (let index = 0; index < this.size; index += 1) {
      sums[first + index]! += statistics[index]!;
    }
  }
}
