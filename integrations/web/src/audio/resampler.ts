/**
 * Band-limited resampling of chunks; the result does not depend on their boundaries.
 *
 * A windowed sinc with the bands of soxr's HQ, which the Python runtime uses: all up to 91.4 % of
 * the lower Nyquist frequency passes, nothing from 100 % on, 120 dB down. Source: J. F. Kaiser,
 * "Nonrecursive digital filter design using the I0-sinh window function", 1974.
 */

import { ConfigError } from "../errors.js";

const PASS = 0.9136;
const STOP_DB = 120;
const KAISER_BETA = 0.1102 * (STOP_DB - 8.7);
const LOWEST_HZ = 5000;
const HIGHEST_HZ = 768_000;
/** Most phases that get a filter each: those of 11025 Hz. 44101 Hz would need 16000, or 64 MB. */
const MOST_PHASES = 640;
/** Phases between which the others are interpolated; the error is (pi / 128)^4 * 3 / 128, -161 dB. */
const INTERPOLATED_PHASES = 128;

/** Throws ConfigError unless this is a plausible sample rate. */
export function checkRate(sampleRateHz: number): void {
  if (!Number.isInteger(sampleRateHz) || sampleRateHz < LOWEST_HZ || sampleRateHz > HIGHEST_HZ) {
    throw new ConfigError(
      `expected sampleRateHz as a whole number between ${LOWEST_HZ} and ${HIGHEST_HZ}, got ` +
        `${sampleRateHz}`,
    );
  }
}

export class StreamResampler {
  private readonly up: number;
  private readonly down: number;
  private readonly cutoff: number;
  /** Input samples on either side of an output sample that the filter covers. */
  private readonly reach: number;
  private readonly filters = new Map<number, Float64Array>();
  private readonly interpolated: Float64Array;
  private kept: Float32Array;
  /** Number of the input sample that `kept` begins with; the first sample is 0. */
  private keptFrom: number;
  private numInput = 0;
  private numOutput = 0;

  constructor(
    readonly sampleRateHz: number,
    targetRateHz: number,
  ) {
    checkRate(sampleRateHz);
    const divisor = greatestCommonDivisor(sampleRateHz, targetRateHz);
    this.up = targetRateHz / divisor;
    this.down = sampleRateHz / divisor;
    const nyquist = Math.min(1, targetRateHz / sampleRateHz) / 2; // cycles per input sample
    this.cutoff = ((1 + PASS) / 2) * nyquist;
    const transition = (1 - PASS) * nyquist;
    const taps = (STOP_DB - 7.95) / (2.285 * 2 * Math.PI * transition);
    this.reach = Math.ceil(taps / 2);
    this.interpolated = new Float64Array(2 * this.reach);
    this.kept = new Float32Array(this.reach);
    this.keptFrom = -this.reach;
  }

  /** Take the next samples and return the output that they complete. */
  push(samples: Float32Array): Float32Array {
    if (this.up === this.down) {
      return samples;
    }
    this.numInput += samples.length;
    const joined = new Float32Array(this.kept.length + samples.length);
    joined.set(this.kept);
    joined.set(samples, this.kept.length);
    this.kept = joined;
    return this.complete(this.numInput - this.reach);
  }

  /** The remaining output, as if silence followed. */
  finish(): Float32Array {
    if (this.up === this.down || this.numInput === 0) {
      return new Float32Array(0);
    }
    const joined = new Float32Array(this.kept.length + this.reach + 1);
    joined.set(this.kept);
    this.kept = joined;
    const total = Math.round((this.numInput * this.up) / this.down);
    return this.complete(Infinity, total);
  }

  /** Output samples whose place in the input lies before `before`, up to `total` in number. */
  private complete(before: number, total = Infinity): Float32Array {
    const output: number[] = [];
    for (;;) {
      const place = this.numOutput * this.down;
      const base = Math.floor(place / this.up);
      if (this.numOutput >= total || base >= before) {
        break;
      }
      const filter = this.filter(place % this.up);
      const first = base - this.reach + 1 - this.keptFrom;
      let sum = 0;
      for (let tap = 0; tap < filter.length; tap += 1) {
        sum += filter[tap]! * this.kept[first + tap]!;
      }
      output.push(sum);
      this.numOutput += 1;
    }
    const next = Math.floor((this.numOutput * this.down) / this.up) - this.reach + 1;
    const unneeded = Math.max(0, Math.min(next - this.keptFrom, this.kept.length));
    this.kept = this.kept.slice(unneeded);
    this.keptFrom += unneeded;
    return Float32Array.from(output);
  }

  /** Weights of the input samples around an output sample that lies `phase / up` after one. */
  private filter(phase: number): Float64Array {
    if (this.up <= MOST_PHASES) {
      return this.designed(phase, this.up);
    }
    const place = (phase / this.up) * INTERPOLATED_PHASES;
    const base = Math.floor(place);
    const [a, b, c, d] = [-1, 0, 1, 2].map((at) => this.designed(base + at, INTERPOLATED_PHASES));
    // Lagrange's polynomials for -1, 0, 1 and 2.
    const x = place - base;
    const forA = (-x * (x - 1) * (x - 2)) / 6;
    const forB = ((x + 1) * (x - 1) * (x - 2)) / 2;
    const forC = (-(x + 1) * x * (x - 2)) / 2;
    const forD = ((x + 1) * x * (x - 1)) / 6;
    const weights = this.interpolated;
    for (let tap = 0; tap < weights.length; tap += 1) {
      weights[tap] = forA * a![tap]! + forB * b![tap]! + forC * c![tap]! + forD * d![tap]!;
    }
    return weights;
  }

  /** The filter for `phase / numPhases`. */
  private designed(phase: number, numPhases: number): Float64Array {
    let weights = this.filters.get(phase);
    if (weights === undefined) {
      weights = new Float64Array(2 * this.reach);
      let total = 0;
      for (let tap = 0; tap < weights.length; tap += 1) {
        const distance = tap - this.reach + 1 - phase / numPhases;
        const window = kaiser(distance / this.reach);
        weights[tap] = 2 * this.cutoff * sinc(2 * this.cutoff * distance) * window;
        total += weights[tap]!;
      }
      weights = weights.map((weight) => weight / total);
      this.filters.set(phase, weights);
    }
    return weights;
  }
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(place: number): number {
  return Math.abs(place) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - place * place)) / bessel(KAISER_BETA);
}

/** The modified Bessel function I0 by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let index = 1; term > sum * 1e-16; index += 1) {
    term *= (x / (2 * index)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
