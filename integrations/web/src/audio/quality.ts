/**
 * Whether audio is good enough to enroll from: level, clipping, noise, bandwidth.
 *
 * The measures and limits are those of the Python package; docs/enrollment.md explains them.
 */

import { ClippingMeter } from "./clipping.js";
import { hann, powerSpectrum } from "./fourier.js";
import { QUIET_DBFS, SILENCE_POWER, SPECTRUM_HOPS, STEADY_DB, Spread, decibels } from "./levels.js";

/** Share of the samples of a hop. A clipped waveform of a vowel loses more than this. */
const CLIPPED_SHARE = 0.005;
/** Share of the hops of speech of a recording; a cough or a knock may clip. */
export const CLIPPED_HOPS_SHARE = 0.05;
/** A voiceprint should be better than the worst probe. */
export const NOISY_SNR_DB = 10;
/** The ratio of speech that is no louder than the noise: its own power is not known. */
const LEAST_SNR_DB = -20;
/** Level above 4.2 kHz relative to that below 3.8 kHz; telephone speech is far below. */
export const NARROW_BAND_DB = -55;
/** Share of the speech in hops with speech only; signals resemble speech for single frames. */
export const SCATTERED_SHARE = 0.15;
/** Hops of speech before that is judged. */
const SCATTERED_HOPS = 8;
/** Memory of live means in hops: they follow within about a second. */
export const LIVE_MEMORY_HOPS = 10;

/** Reasons why speech does not count for an enrollment, by key, as shown to the speaker. */
export const AUDIO_PROBLEMS = {
  "too-quiet": "too quiet: come closer or raise the input level",
  clipped: "clipped: lower the input level or step back",
  noisy: "noisy: find a quieter place",
  "narrow-band":
    "narrow band: nothing above 4 kHz; use another microphone or a wide-band connection",
  steady: "steady: a tone or hum, not speech; speak, or turn off its source",
  scattered: "scattered: signals or noise, not syllables; speak, or turn off their source",
  "second-voice": "second voice: only one person may speak",
  "unlike-others": "unlike the other recordings: enroll one person at a time",
} as const;

export type AudioProblem = keyof typeof AUDIO_PROBLEMS;

/** Measurements of audio; null where there was too little of it. */
export interface AudioLevels {
  readonly speechDbfs: number | null;
  /** Level of speech relative to that of pauses. */
  readonly snrDb: number | null;
  /** Level of speech above 4.2 kHz relative to that below 3.8 kHz. */
  readonly highBandDb: number | null;
  /** Share of the hops of speech that are clipped, 0 to 1. */
  readonly clippedShare: number | null;
  /** Standard deviation of the levels of the hops of speech. */
  readonly variationDb: number | null;
  /** Share of the speech that lies in hops with speech only, 0 to 1. */
  readonly wholeShare: number | null;
}

/**
 * The problems of the levels, the worst first.
 *
 * Clipping attenuates the speech and not the noise. Clipped speech is therefore not also noisy.
 */
export function levelProblems(levels: AudioLevels): AudioProblem[] {
  const isClipped = (levels.clippedShare ?? 0) > CLIPPED_HOPS_SHARE;
  const isBelow = (value: number | null, limit: number): boolean => value !== null && value < limit;
  const checks: [AudioProblem, boolean][] = [
    ["steady", isBelow(levels.variationDb, STEADY_DB)],
    ["scattered", isBelow(levels.wholeShare, SCATTERED_SHARE)],
    ["clipped", isClipped],
    ["too-quiet", isBelow(levels.speechDbfs, QUIET_DBFS)],
    ["noisy", !isClipped && isBelow(levels.snrDb, NOISY_SNR_DB)],
    ["narrow-band", isBelow(levels.highBandDb, NARROW_BAND_DB)],
  ];
  return checks.filter(([, isFound]) => isFound).map(([problem]) => problem);
}

/** Measures hops, of a stream or of a recording. */
export class AudioQuality {
  private readonly speech: MeanPower;
  private readonly noise: MeanPower;
  private readonly spread = new Spread();
  private readonly clipping = new ClippingMeter();
  private lowPower = 0;
  private highPower = 0;
  private numSpeechHops = 0;
  /** With the shares of hops that contain some speech. */
  private speechHops = 0;
  private numClippedHops = 0;
  private hopPower = SILENCE_POWER;
  private hopIsClipped = false;

  /** @param memoryHops memory of the means in hops; Infinity means all hops. */
  constructor(
    private readonly sampleRateHz: number,
    memoryHops: number,
  ) {
    this.speech = new MeanPower(memoryHops);
    this.noise = new MeanPower(memoryHops);
  }

  /** Level of the last hop. */
  get levelDbfs(): number {
    return decibels(this.hopPower);
  }

  /** Level of speech relative to that of pauses; null before both. */
  get snrDb(): number | null {
    if (this.speech.value === null || this.noise.value === null) {
      return null;
    }
    const speech = Math.max(this.speech.value - this.noise.value, SILENCE_POWER);
    return Math.max(decibels(speech) - decibels(this.noise.value), LEAST_SNR_DB);
  }

  /** The measurements of all hops, within the memory of the means. */
  get levels(): AudioLevels {
    return {
      speechDbfs: this.speech.value === null ? null : decibels(this.speech.value),
      snrDb: this.snrDb,
      highBandDb: this.highBandDb,
      variationDb: this.spread.deviation,
      wholeShare: this.speechHops < SCATTERED_HOPS ? null : this.numSpeechHops / this.speechHops,
      clippedShare: this.numSpeechHops === 0 ? null : this.numClippedHops / this.numSpeechHops,
    };
  }

  /** The problem of the last hop, or of the speech so far; null if there is none. */
  get problem(): AudioProblem | null {
    const speechPower = this.speech.value ?? this.hopPower;
    const now = {
      ...this.levels,
      speechDbfs: decibels(Math.max(speechPower, this.hopPower)),
      clippedShare: this.hopIsClipped ? 1 : 0,
    };
    return levelProblems(now)[0] ?? null;
  }

  /** Measure a hop, before it is known whether it is speech. */
  measure(samples: Float32Array): void {
    // A constant offset of the converter is neither speech nor noise.
    const mean = meanOf(samples);
    const squares = samples.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    this.hopPower = Math.max(squares / samples.length, SILENCE_POWER);
    this.hopIsClipped = this.clipping.cutShare(samples) > CLIPPED_SHARE;
  }

  /**
   * Count the last measured hop as speech or as noise.
   *
   * A hop with only some speech would bias the levels of both, and is neither.
   *
   * @param speechShare share of its frames that are speech, 0 to 1.
   */
  take(samples: Float32Array, speechShare: number): void {
    this.speechHops += speechShare;
    if (speechShare === 0) {
      this.noise.take(this.hopPower);
    }
    if (speechShare < 1) {
      return;
    }
    this.speech.take(this.hopPower);
    const mean = meanOf(samples);
    const window = hann(samples.length);
    const windowed = Float64Array.from(samples, (value, at) => (value - mean) * window[at]!);
    const spectrum = powerSpectrum(windowed);
    const hzPerBin = this.sampleRateHz / samples.length;
    this.lowPower += sumOf(spectrum.subarray(0, Math.round(3800 / hzPerBin)));
    this.highPower += sumOf(spectrum.subarray(Math.round(4200 / hzPerBin)));
    this.spread.take(decibels(this.hopPower));
    this.numSpeechHops += 1;
    this.numClippedHops += this.hopIsClipped ? 1 : 0;
  }

  private get highBandDb(): number | null {
    if (this.numSpeechHops < SPECTRUM_HOPS) {
      return null;
    }
    return decibels(this.highPower + SILENCE_POWER) - decibels(this.lowPower + SILENCE_POWER);
  }
}

/** A mean whose memory is limited: beyond it, older values have less and less weight. */
class MeanPower {
  private count = 0;
  value: number | null = null;

  constructor(private readonly memory: number) {}

  take(power: number): void {
    this.count += 1;
    const share = 1 / Math.min(this.count, this.memory);
    this.value = this.value === null ? power : (1 - share) * this.value + share * power;
  }
}

function sumOf(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) {
    sum += value;
  }
  return sum;
}

function meanOf(values: Float32Array): number {
  return sumOf(values) / values.length;
}
