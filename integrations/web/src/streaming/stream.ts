/**
 * A live stream that looks for enrolled speakers: samples in, one update per hop out.
 *
 * chunk -> model rate -> hop -> encoder, speech -> embeddings -> llr -> sequential test -> update
 */

import { StreamResampler } from "../audio/resampler.js";
import { checkSamples } from "../audio/waveform.js";
import { type Nearness, pairNearness } from "../calibration/cohort.js";
import type { DecisionRule } from "../decision/rule.js";
import { type Evidence, LOOKS_LLR, SequentialBounds, SequentialTest } from "../decision/sequential.js";
import type { StatefulGraph } from "../encoder/graph.js";
import { HopEncoder } from "../encoder/hop.js";
import { RECENT, RECENT_S, SO_FAR, WINDOW } from "../encoder/statistics-ring.js";
import { ConfigError } from "../errors.js";
import { hopS } from "../model/manifest.js";
import { symmetricKl } from "../scoring.js";
import type { Voiceprint } from "../voiceprint/voiceprint.js";
import { CallQueue } from "./queue.js";
import { KEPT_S, SpeakerChange } from "./speaker-change.js";
import type { Candidate, StreamUpdate } from "./update.js";

const LONGEST_WINDOW_S = 600;

export interface StreamOptions {
  /** Share of an enrolled speaker's turns that may be rejected. */
  readonly missRate?: number;
  /** Net speech without a decision after which the answer is `inconclusive`. */
  readonly limitS?: number;
  /** Seconds of the window of the windowed score; without it, those of the model. */
  readonly windowS?: number;
  /** Silence after which evidence and encoder are reset. */
  readonly silenceS?: number;
}

/** Samples of one channel with full scale 1, as from a microphone. */
export interface AudioBlock {
  readonly samples: Float32Array;
  readonly sampleRateHz: number;
  /** Seconds that are missing before it; 0 if unknown. */
  readonly lostS?: number;
}

interface Speaker {
  readonly voiceprint: Voiceprint;
  readonly enrolledS: number;
  readonly embedding: Float32Array;
  readonly near: Float64Array;
  readonly test: SequentialTest;
  scores: readonly number[] | null; // scores of each window
  window: Evidence | null;
  soFar: Evidence | null;
}

/** Audio that arrives in chunks of any length; made by `Verifier.stream`. */
export class SpeakerStream {
  private readonly encoder: HopEncoder;
  private readonly speakers: readonly Speaker[];
  private readonly change: SpeakerChange;
  private readonly queue = new CallQueue("stream");
  private readonly hopS: number;
  private readonly rateHz: number;
  private readonly silenceHops: number;
  private resampler: StreamResampler | undefined;
  private numHops = 0;
  private silentHops = 0;
  private lostS: number | null = null; // before the next hop
  private totalLostS = 0;
  private beganS = 0; // time before the hops that are counted

  constructor(
    graph: StatefulGraph,
    private readonly rule: DecisionRule,
    voiceprints: readonly Voiceprint[],
    options: StreamOptions,
  ) {
    const { missRate = 0.05, limitS = 10, windowS, silenceS = 5 } = options;
    const bounds = new SequentialBounds(rule.far, missRate, limitS);
    if (windowS !== undefined && !(windowS > 0 && windowS <= LONGEST_WINDOW_S)) {
      throw new ConfigError(
        `expected windowS above 0 s and at most ${LONGEST_WINDOW_S} s, got ${windowS}; leave it ` +
          "out for the model's window",
      );
    }
    if (!(silenceS > 0 && silenceS < Infinity)) {
      throw new ConfigError(`expected a finite silenceS above 0 s, got ${silenceS}`);
    }
    this.encoder = new HopEncoder(graph, windowS);
    this.hopS = hopS(graph.manifest);
    this.rateHz = graph.manifest.frontend.sampleRateHz;
    this.silenceHops = Math.max(1, Math.round(silenceS / this.hopS));
    this.change = new SpeakerChange(this.encoder.recentHops, rule.calibration);
    this.speakers = voiceprints.map((voiceprint) => ({
      voiceprint,
      enrolledS: voiceprint.totalSpeechS,
      embedding: voiceprint.embedding,
      near: rule.calibration.nearness(voiceprint.embedding),
      test: new SequentialTest(bounds),
      scores: null,
      window: null,
      soFar: null,
    }));
  }

  /** Seconds of audio taken so far, at the model's rate. */
  get durationS(): number {
    return this.encoder.numSamples / this.rateHz;
  }

  /**
   * Take the next samples and return an update for every hop that they complete.
   *
   * Calls need not be awaited: they run one after the other. An error while the model runs loses the
   * rest of the samples and makes a gap of that length.
   * Throws AudioError: not audio. ClosedError: the stream has ended. ConfigError: another rate
   * than before.
   */
  push(block: AudioBlock): Promise<StreamUpdate[]> {
    return this.queue.run(() => {
      checkSamples(block.samples);
      if (block.lostS !== undefined) {
        this.loseNow(block.lostS);
      }
      this.resampler ??= new StreamResampler(block.sampleRateHz, this.rateHz);
      if (block.sampleRateHz !== this.resampler.sampleRateHz) {
        throw new ConfigError(
          `expected ${this.resampler.sampleRateHz} Hz as before, got ${block.sampleRateHz} Hz; ` +
            "start another stream for another rate",
        );
      }
      return this.take(this.resampler.push(block.samples));
    });
  }

  /**
   * Report that audio is missing before the next samples.
   *
   * The following speech may be anybody's: encoder, evidence and verdicts are reset.
   *
   * @param lostS seconds that are missing; 0 if unknown.
   */
  gap(lostS: number): Promise<void> {
    return this.queue.run(async () => this.loseNow(lostS));
  }

  /** Process the rest of the resampler and of an incomplete hop, and end the stream. */
  finish(): Promise<StreamUpdate[]> {
    return this.queue.run(async () => {
      this.queue.close("finished");
      const updates = await this.take(this.resampler?.finish() ?? new Float32Array(0));
      if (this.encoder.numFrames > 0) {
        await this.encoder.encodeRemainder();
        updates.push(this.update());
      }
      return updates;
    });
  }

  /** End the stream without the updates that `finish` would give. */
  close(): void {
    this.queue.close("closed");
  }

  private loseNow(lostS: number): void {
    if (!(lostS >= 0 && lostS < Infinity)) {
      throw new ConfigError(`expected a finite number of lost seconds of at least 0, got ${lostS}`);
    }
    // The samples in the resampler are dropped with the incomplete hop.
    this.encoder.numSamples += this.resampler?.finish().length ?? 0;
    this.encoder.dropSamples();
    if (this.resampler !== undefined) {
      this.resampler = new StreamResampler(this.resampler.sampleRateHz, this.rateHz);
    }
    this.startAfresh();
    this.lostS = lostS + (this.lostS ?? 0);
    this.totalLostS += lostS;
    this.beganS = this.durationS + this.totalLostS;
    this.numHops = 0;
    this.silentHops = 0;
  }

  private async take(waveform: Float32Array): Promise<StreamUpdate[]> {
    const updates: StreamUpdate[] = [];
    const end = this.encoder.numSamples + waveform.length;
    try {
      let rest: Float32Array | null = waveform;
      while (rest !== null && rest.length > 0) {
        rest = this.encoder.fill(rest);
        if (this.encoder.isFull) {
          await this.encoder.encode();
          updates.push(this.update());
        }
      }
    } catch (error) {
      // The next samples would otherwise continue evidence that they do not follow.
      this.loseNow((end - this.encoder.numSamples) / this.rateHz);
      throw error;
    }
    return updates;
  }

  /** The update of the last encoded hop. */
  private update(): StreamUpdate {
    this.numHops += 1;
    let hasChanged = false;
    if (this.encoder.isEvidence) {
      this.silentHops = 0;
      hasChanged = this.takeEvidence();
    } else {
      this.silentHops += 1;
      if (this.silentHops % this.silenceHops === 0) {
        this.startAfresh();
      }
    }
    return this.report(hasChanged);
  }

  /** Score the hop's embeddings and run the tests. Returns whether the voice has changed. */
  private takeEvidence(): boolean {
    const { encoder } = this;
    this.score();
    const hasChanged = this.change.update(
      encoder.embeddings[RECENT]!,
      encoder.embeddings[SO_FAR]!,
      encoder.speechS,
      this.acceptedLlr(),
    );
    if (hasChanged) {
      encoder.restart(Math.round(KEPT_S / this.hopS));
      this.change.restart();
      this.forget();
      this.speakers.forEach(({ test }) => test.restart());
    }
    for (const { test, soFar, window } of this.speakers) {
      test.update(soFar, window, encoder.speechS);
    }
    return hasChanged;
  }

  private score(): void {
    const { embeddings, windowSpeechS, speechS } = this.encoder;
    const { calibration } = this.rule;
    const nearWindow = calibration.nearness(embeddings[WINDOW]!);
    const nearSoFar = calibration.nearness(embeddings[SO_FAR]!);
    for (const speaker of this.speakers) {
      const scores = embeddings.map((embedding) => 0 - symmetricKl(embedding, speaker.embedding));
      speaker.scores = scores;
      speaker.window = this.evidence(
        speaker, scores[WINDOW]!, windowSpeechS, pairNearness(speaker.near, nearWindow),
      ); // prettier-ignore
      speaker.soFar = this.evidence(
        speaker, scores[SO_FAR]!, speechS, pairNearness(speaker.near, nearSoFar),
      ); // prettier-ignore
    }
  }

  /** The evidence; null if there is too little speech. */
  private evidence(
    speaker: Speaker,
    score: number,
    speechS: number,
    nearness: Nearness,
  ): Evidence | null {
    const { calibration } = this.rule;
    if (speechS < calibration.minimumSpeechS) {
      return null;
    }
    return {
      llr: calibration.llr(score, speaker.enrolledS, speechS),
      acceptLlr: LOOKS_LLR + this.rule.threshold(speaker.enrolledS, speechS, nearness),
    };
  }

  /** LLR of the recent speech and the most likely accepted speaker; null without one. */
  private acceptedLlr(): number | null {
    if (this.encoder.speechS < RECENT_S) {
      return null;
    }
    const llrs = this.speakers
      .filter(({ test, scores }) => test.verdict === "accept" && scores !== null)
      .map(({ scores, enrolledS }) =>
        this.rule.calibration.llr(scores![RECENT]!, enrolledS, RECENT_S),
      );
    return llrs.length === 0 ? null : Math.max(...llrs);
  }

  private startAfresh(): void {
    this.encoder.reset();
    this.change.restart();
    this.forget();
    this.speakers.forEach(({ test }) => test.silence());
  }

  /** No evidence for any speaker. */
  private forget(): void {
    for (const speaker of this.speakers) {
      speaker.scores = null;
      speaker.window = null;
      speaker.soFar = null;
    }
  }

  private report(hasChanged: boolean): StreamUpdate {
    const candidates = this.speakers.map(candidateOf);
    const evidence = (candidate: Candidate): number => candidate.totalLlr ?? -Infinity;
    // Array.sort is stable, like Python's; Infinity - Infinity is NaN.
    const ranked = [...candidates].sort((a, b) => (evidence(b) > evidence(a) ? 1 : evidence(b) < evidence(a) ? -1 : 0));
    const accepted = ranked.find((candidate) => candidate.verdict === "accept");
    const best = ranked[0]!;
    const shown = accepted ?? best;
    const second = ranked[1]?.totalLlr ?? null;
    const lostS = this.lostS;
    this.lostS = null;
    return {
      timeS: rounded(this.beganS + this.numHops * this.hopS),
      speech: this.encoder.speechProbability,
      speechS: this.encoder.speechS,
      windowSpeechS: this.encoder.windowSpeechS,
      score: shown.score,
      llr: shown.llr,
      totalScore: shown.totalScore,
      totalLlr: shown.totalLlr,
      verdict: shown.verdict,
      speaker: accepted?.name ?? null,
      margin: best.totalLlr === null || second === null ? null : best.totalLlr - second,
      ageS: rounded(this.silentHops * this.hopS),
      hasChanged,
      lostS,
      candidates,
    };
  }
}

function candidateOf(speaker: Speaker): Candidate {
  const { voiceprint, scores, window, soFar, test } = speaker;
  return {
    name: voiceprint.name,
    score: scores === null || window === null ? null : scores[WINDOW]!,
    llr: window === null ? null : window.llr,
    totalScore: scores === null || soFar === null ? null : scores[SO_FAR]!,
    totalLlr: soFar === null ? null : soFar.llr,
    verdict: test.verdict,
    isDecided: test.isDecided,
    decidedS: test.decidedS,
  };
}

/** 0.3 and not 0.30000000000000004. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
