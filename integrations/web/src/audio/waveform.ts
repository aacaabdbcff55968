/** Conversion of recordings to the waveform of the models: one channel at the model's rate. */

import { AudioTooShortError, InvalidAudioError } from "../errors.js";
import { mono } from "./downmix.js";
import { StreamResampler, checkRate } from "./resampler.js";

/** Floats beyond this are no audio with full scale 1, but integers that were not scaled. */
const FLOAT_LIMIT = 16;

/** Samples with full scale 1: of one channel, or an array per channel. */
export interface Samples {
  readonly samples: Float32Array | readonly Float32Array[];
  readonly sampleRateHz: number;
}

/** A recording: samples and their rate, or an AudioBuffer, such as `decodeAudioData` returns. */
export type Recording = Samples | AudioBuffer;

/**
 * The waveform of a recording.
 *
 * Throws InvalidAudioError: not audio. ConfigError: not a sample rate.
 */
export function waveformOf(recording: Recording, targetRateHz: number): Float32Array {
  const { samples, sampleRateHz } = asSamples(recording);
  checkRate(sampleRateHz);
  const channels = samples instanceof Float32Array ? [samples] : samples;
  if (!Array.isArray(channels) || channels.length === 0) {
    throw new InvalidAudioError("expected samples to be a Float32Array, or one per channel, got none");
  }
  channels.forEach(checkSamples);
  if (channels.some((channel) => channel.length !== channels[0]!.length)) {
    throw new InvalidAudioError(
      `expected channels of one length, got ${channels.map((channel) => channel.length)}`,
    );
  }
  if (channels[0]!.length === 0) {
    throw new InvalidAudioError("expected at least one sample, got none");
  }
  const resampler = new StreamResampler(sampleRateHz, targetRateHz);
  const parts = [resampler.push(mono(channels)), resampler.finish()];
  const waveform = new Float32Array(parts[0]!.length + parts[1]!.length);
  waveform.set(parts[0]!);
  waveform.set(parts[1]!, parts[0]!.length);
  if (waveform.length === 0) {
    throw new AudioTooShortError(1 / targetRateHz, channels[0]!.length / sampleRateHz);
  }
  return waveform;
}

/** Throws InvalidAudioError unless these can be samples of one channel. */
export function checkSamples(samples: Float32Array): void {
  if (!(samples instanceof Float32Array)) {
    throw new InvalidAudioError(
      "expected samples to be a Float32Array with full scale 1, got another type; divide 16-bit " +
        "samples by 32768",
    );
  }
  let most = 0;
  for (const value of samples) {
    if (!Number.isFinite(value)) {
      throw new InvalidAudioError("expected finite samples, got NaN or infinity");
    }
    most = Math.max(most, Math.abs(value));
  }
  if (most > FLOAT_LIMIT) {
    throw new InvalidAudioError(
      `expected samples with full scale 1, got up to ${most.toPrecision(3)}; divide 16-bit ` +
        "samples by 32768",
    );
  }
}

function asSamples(recording: Recording): Samples {
  if ("getChannelData" in recording) {
    return {
      samples: Array.from({ length: recording.numberOfChannels }, (_, channel) =>
        recording.getChannelData(channel),
      ),
      sampleRateHz: recording.sampleRate,
    };
  }
  return recording;
}
