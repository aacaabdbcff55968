/** Levels of speech: root mean squares in dB of full scale. */

/** Speech below this level is near the noise of cheap converters. */
export const QUIET_DBFS = -50;
/** If more of the samples of speech lie at full scale, most of a speaker's own are rejected. */
export const OVERDRIVEN_SHARE = 0.35;
/** The level of speech varies more, and that of a dial tone, hum or sawtooth less. */
export const STEADY_DB = 1;
/** Hops of speech before their spectrum and variation are judged. */
export const SPECTRUM_HOPS = 10;
// Magnitudes at full scale, as float32: resamplers and codecs smooth clipped samples.
const FULL_SCALE_LOW = Math.fround(0.9);
const FULL_SCALE_HIGH = Math.fround(1.1);
/** -120 dBFS, digital silence. */
export const SILENCE_POWER = 1e-12;

/** The level of a recording's speech, from frames that are known to be speech or not. */
export class SpeechLevel {
  private energy = 0;
  private numSamples = 0;
  private numClipped = 0;
  private readonly levels = new Spread();

  constructor(private readonly hopFrames: number) {}

  /** The level of all speech so far; null before any. */
  get dbfs(): number | null {
    return this.numSamples === 0
      ? null
      : decibels(Math.max(this.energy / this.numSamples, SILENCE_POWER));
  }

  /** Share of the samples of speech that lie at full scale; null before any. */
  get clippedShare(): number | null {
    return this.numSamples === 0 ? null : this.numClipped / this.numSamples;
  }

  /** Standard deviation of the levels of whole hops; null before a second of them. */
  get variationDb(): number | null {
    return this.levels.deviation;
  }

  /** Take the newest hop of samples of each of the next frames. */
  take(samples: Float32Array, isSpeech: readonly boolean[]): void {
    if (!isSpeech.some(Boolean)) {
      return;
    }
    const frameSamples = samples.length / isSpeech.length;
    // A constant offset of the converter does not count.
    const mean = samples.reduce((sum, value) => sum + value, 0) / samples.length;
    const energies = isSpeech.map((_, frame) => {
      let energy = 0;
      for (let index = frame * frameSamples; index < (frame + 1) * frameSamples; index += 1) {
        energy += (samples[index]! - mean) ** 2;
      }
      return energy;
    });
    isSpeech.forEach((is, frame) => {
      if (is) {
        this.energy += energies[frame]!;
        this.numSamples += frameSamples;
        this.numClipped += samples
          .subarray(frame * frameSamples, (frame + 1) * frameSamples)
          .reduce((count, value) => count + Number(isAtFullScale(value)), 0);
      }
    });
    for (let first = 0; first + this.hopFrames <= isSpeech.length; first += this.hopFrames) {
      const frames = Array.from({ length: this.hopFrames }, (_, frame) => first + frame);
      if (frames.every((frame) => isSpeech[frame])) {
        const energy = frames.reduce((sum, frame) => sum + energies[frame]!, 0);
        this.levels.take(decibels(Math.max(energy / (this.hopFrames * frameSamples), SILENCE_POWER)));
      }
    }
  }
}

/** The standard deviation of values (B. P. Welford, Technometrics 1962). */
export class Spread {
  private count = 0;
  private mean = 0;
  private squares = 0;

  /** The deviation of all values; null for less than a second of hops. */
  get deviation(): number | null {
    return this.count < SPECTRUM_HOPS ? null : Math.sqrt(this.squares / this.count);
  }

  take(value: number): void {
    this.count += 1;
    const difference = value - this.mean;
    this.mean += difference / this.count;
    this.squares += difference * (value - this.mean);
  }
}

function isAtFullScale(value: number): boolean {
  const magnitude = Math.abs(value);
  return magnitude >= FULL_SCALE_LOW && magnitude <= FULL_SCALE_HIGH;
}

export function decibels(power: number): number {
  return 10 * Math.log10(power);
}
