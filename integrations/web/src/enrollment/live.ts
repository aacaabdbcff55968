/** Live enrollment from a microphone, with feedback on progress and problems. */

import { QUIET_DBFS } from "../audio/levels.js";
import { AUDIO_PROBLEMS, AudioQuality, LIVE_MEMORY_HOPS } from "../audio/quality.js";
import { StreamResampler } from "../audio/resampler.js";
import { checkSamples } from "../audio/waveform.js";
import type { StatefulGraph } from "../encoder/graph.js";
import { HopEncoder } from "../encoder/hop.js";
import { RECENT, RECENT_S, SO_FAR } from "../encoder/statistics-ring.js";
import { ConfigError, EnrollmentError } from "../errors.js";
import { type Manifest, hopS } from "../model/manifest.js";
import { meanOf, scaled, symmetricKl } from "../scoring.js";
import { CallQueue } from "../streaming/queue.js";
import type { AudioBlock } from "../streaming/stream.js";
import { utcNow } from "../voiceprint/life.js";
import { checkName } from "../voiceprint/names.js";
import { Voiceprint } from "../voiceprint/voiceprint.js";
import { SpectralTrack, repeatedShare } from "./repetition.js";

/** Net speech of a voiceprint. The calibration has recordings of a few seconds; more is better. */
const NEEDED_S = 10;
/** Net speech of one exemplar. */
const EXEMPLAR_S = 2.5;
/** If the level is this low for this long without speech, the microphone is off or far away. */
const QUIET_S = 2;
/** LLR between recent speech and the exemplars; at this or less it is another person's. */
const SECOND_VOICE_LLR = -1;
/** Speech is compared with at least so much audio before it; all of it would take 58 MB per hour. */
const COMPARED_S = 600;
/** Share of an exemplar that may be repeated; the exemplar then counts less. */
const REPEATED_SHARE = 0.5;
const REPEATED = "repeated: this was said before; say something new";
/** Feedback stays this long after its cause. A shorter one could not be read. */
const PROBLEM_S = 1;

/** The progress of an enrollment. */
export interface EnrollmentProgress {
  /** Share of the needed net speech, 0 to 100. */
  readonly percent: number;
  /** Net speech so far, and needed net speech, in seconds. */
  readonly speechS: number;
  readonly neededS: number;
  /** Whether `voiceprint` may be called. */
  readonly isComplete: boolean;
  /** Seconds of audio so far. */
  readonly timeS: number;
  /** Speech probability and level of the last hop. */
  readonly speech: number;
  readonly levelDbfs: number;
  /** Ratio of speech to noise; null before both. */
  readonly snrDb: number | null;
  /** Why speech does not count at the moment; null if it counts. */
  readonly problem: string | null;
}

/** Collects the exemplars of one speaker from live audio; made by `Verifier.enrollment`. */
export class Enrollment {
  readonly name: string;
  private readonly encoder: HopEncoder;
  private readonly manifest: Manifest;
  private readonly queue = new CallQueue("enrollment");
  private readonly quality: AudioQuality;
  private readonly track: SpectralTrack;
  private readonly hopS: number;
  private readonly exemplarS: number;
  private readonly exemplars: Float32Array[] = [];
  private readonly exemplarSpeechS: number[] = [];
  private resampler: StreamResampler | undefined;
  private firstRow = 0; // of the exemplar that is being collected
  private numHops = 0;
  private problem: string | null = null;
  private problemHops = 0;
  private quietHops = 0;

  constructor(
    graph: StatefulGraph,
    name: string,
    private readonly neededS = NEEDED_S,
  ) {
    this.name = checkName(name);
    if (!(neededS >= 1 && neededS <= 600)) {
      throw new ConfigError(`expected 1 to 600 s of speech to enroll from, got ${neededS} s`);
    }
    this.manifest = graph.manifest;
    this.encoder = new HopEncoder(graph);
    this.exemplarS = Math.min(EXEMPLAR_S, neededS);
    this.hopS = hopS(graph.manifest);
    const rateHz = graph.manifest.frontend.sampleRateHz;
    this.quality = new AudioQuality(rateHz, LIVE_MEMORY_HOPS);
    this.track = new SpectralTrack(rateHz, COMPARED_S);
  }

  /** The progress after the last hop. */
  get progress(): EnrollmentProgress {
    const { isComplete, neededS } = this;
    const collectedS = this.collectedS;
    const speechS = isComplete
      ? collectedS
      : Math.min(collectedS + this.encoder.speechS, neededS);
    return {
      percent: isComplete ? 100 : Math.min(99, (100 * speechS) / neededS),
      speechS,
      neededS,
      isComplete,
      timeS: this.numHops * this.hopS,
      speech: this.encoder.speechProbability,
      levelDbfs: this.quality.levelDbfs,
      snrDb: this.quality.snrDb,
      problem: this.problem,
    };
  }

  /**
   * Take the next samples; once complete, they are ignored.
   *
   * Throws AudioError: not audio. ClosedError: the enrollment is closed. ConfigError: another rate
   * than before.
   */
  push(block: AudioBlock): Promise<EnrollmentProgress> {
    return this.queue.run(async () => {
      checkSamples(block.samples);
      const rateHz = this.manifest.frontend.sampleRateHz;
      this.resampler ??= new StreamResampler(block.sampleRateHz, rateHz);
      if (block.sampleRateHz !== this.resampler.sampleRateHz) {
        throw new ConfigError(
          `expected ${this.resampler.sampleRateHz} Hz as before, got ${block.sampleRateHz} Hz`,
        );
      }
      if (block.lostS !== undefined) {
        this.cut(rateHz);
      }
      try {
        let rest: Float32Array | null = this.resampler.push(block.samples);
        while (rest !== null && rest.length > 0 && !this.isComplete) {
          rest = this.encoder.fill(rest);
          if (this.encoder.isFull) {
            await this.takeHop();
          }
        }
      } catch (error) {
        this.cut(rateHz); // an exemplar must not join what is before and after the lost samples
        throw error;
      }
      return this.progress;
    });
  }

  /**
   * The speaker's voiceprint.
   *
   * Throws EnrollmentError: not enough good speech so far.
   */
  voiceprint(): Voiceprint {
    this.queue.check();
    const { isComplete, speechS, problem } = this.progress;
    if (!isComplete) {
      throw new EnrollmentError(
        `expected ${this.neededS} s of good speech to enroll ${JSON.stringify(this.name)}, got ` +
          `${speechS.toFixed(1)} s${problem === null ? "" : `; ${problem}`}; push more audio`,
      );
    }
    return new Voiceprint({
      name: this.name,
      modelName: this.manifest.name,
      modelSha256: this.manifest.weightsSha256,
      temperature: this.manifest.temperature,
      exemplars: this.exemplars,
      speechS: this.exemplarSpeechS,
      createdUtc: utcNow(),
    });
  }

  /** End the enrollment. */
  close(): void {
    this.queue.close("closed");
  }

  private get collectedS(): number {
    return this.exemplarSpeechS.reduce((sum, speechS) => sum + speechS, 0);
  }

  private get isComplete(): boolean {
    return this.collectedS >= this.neededS - this.hopS;
  }

  /** Audio is missing: the speech since the last exemplar does not count. */
  private cut(rateHz: number): void {
    this.resampler = new StreamResampler(this.resampler!.sampleRateHz, rateHz);
    this.encoder.dropSamples();
    this.encoder.reset();
    this.track.cut();
    this.firstRow = this.track.numRows;
  }

  private async takeHop(): Promise<void> {
    const { encoder } = this;
    const hop = encoder.newest;
    this.quality.measure(hop);
    this.track.push(hop);
    const problem = this.quality.problem;
    encoder.isUsable = problem === null;
    await encoder.encode();
    this.numHops += 1;
    const isSpeech = encoder.hopSpeechS > 0;
    this.quality.take(hop, encoder.hopSpeechS / this.hopS);
    if (isSpeech) {
      this.tell(problem === null ? null : AUDIO_PROBLEMS[problem]);
    }
    const isQuiet = !isSpeech && this.quality.levelDbfs < QUIET_DBFS;
    this.quietHops = isQuiet ? this.quietHops + 1 : 0;
    if (this.quietHops * this.hopS >= QUIET_S) {
      this.tell(AUDIO_PROBLEMS["too-quiet"]);
    }
    if (
      encoder.isEvidence &&
      this.isSecondVoice(encoder.embeddings[RECENT]!, Math.min(encoder.speechS, RECENT_S))
    ) {
      this.tell(AUDIO_PROBLEMS["second-voice"]);
      this.beginExemplar();
    }
    const remainingS = this.neededS - this.collectedS;
    if (encoder.isEvidence && encoder.speechS >= Math.min(this.exemplarS, remainingS)) {
      this.takeExemplar(encoder.embeddings[SO_FAR]!, encoder.speechS);
      this.beginExemplar();
    }
  }

  /** Keep an exemplar of new speech; repeated speech counts once. */
  private takeExemplar(embedding: Float32Array, speechS: number): void {
    const { rows, numRows } = this.track;
    const share = repeatedShare(rows, Math.max(0, this.firstRow - (numRows - rows.length)));
    if (share >= REPEATED_SHARE) {
      this.tell(REPEATED);
      return;
    }
    this.exemplars.push(embedding);
    this.exemplarSpeechS.push(speechS * (1 - share));
  }

  private beginExemplar(): void {
    this.encoder.restart();
    this.firstRow = this.track.numRows;
  }

  /** Report a problem at once, and its end after a second. */
  private tell(problem: string | null): void {
    this.problemHops += 1;
    if (problem !== null) {
      this.problem = problem;
      this.problemHops = 0;
    } else if (this.problemHops * this.hopS >= PROBLEM_S) {
      this.problem = null;
    }
  }

  /** Whether the recent speech is of another person than the exemplars. */
  private isSecondVoice(embedding: Float32Array, speechS: number): boolean {
    const { calibration, temperature } = this.manifest;
    if (this.exemplars.length === 0 || calibration === null || speechS < RECENT_S) {
      return false;
    }
    const mean = scaled(meanOf(this.exemplars), temperature);
    const llr = calibration.llr(-symmetricKl(embedding, mean), this.collectedS, speechS);
    return llr <= SECOND_VOICE_LLR;
  }
}
