/**
 * Detection of repeated speech: loops, copies at another level, and the same recording again.
 *
 * samples -> power in narrow bands, every 10 ms -> its changes -> pieces of 1.5 s, each compared
 * with all earlier audio, at every lag. Two recordings of a voice never have the same pitch and
 * timing; a copy has. Source: J. Haitsma and T. Kalker, "A highly robust audio fingerprinting
 * system", 2002. The constants are those of the Python package.
 */

import { hann, powerSpectrum } from "../audio/fourier.js";

const FRAME_S = 0.064;
const HOP_S = 0.01;
const BAND_HZ = 62.5;
const LOW_HZ = 187.5;
const HIGH_HZ = 2687.5;
const NUM_BANDS = Math.round((HIGH_HZ - LOW_HZ) / BAND_HZ);
/** A band below this share of the mean power is silence: its changes are noise. */
const FLOOR = 1e-3;
/** Changes are computed over 40 ms. */
const CHANGE_FRAMES = 4;
const PIECE_FRAMES = 150;
const STEP_FRAMES = 50;
/** Every second frame of a piece is compared: neighbors overlap by 5/6. */
const STRIDE = 2;
const MOST_PIECES = 240;
/** Within one recording: a shorter loop is found at a multiple of its length. */
const LEAST_LAG_FRAMES = 50;
/** Correlation that copies reach and other recordings do not. */
const COPY = 0.75;
/** A frame with less than this share of the mean power is a pause, which is not a repetition. */
const PAUSE_POWER = 0.05;

/** The repeated speech of a recording: its share, and the recording with most of it. */
export interface Repetition {
  readonly share: number;
  readonly source: number | null;
}

/** Band powers of audio, one row every 10 ms, from samples of any number of calls. */
export class SpectralTrack {
  readonly rows: Float32Array[] = [];
  /** Number of rows so far, with those that are no longer kept. */
  numRows = 0;
  private rest = new Float32Array(0);
  private readonly size: number;
  private readonly hop: number;
  private readonly keptRows: number;

  /** @param keptS seconds of the last rows that are kept at least. */
  constructor(
    private readonly sampleRateHz: number,
    keptS = Infinity,
  ) {
    this.keptRows = keptS / HOP_S;
    this.size = Math.round(FRAME_S * sampleRateHz);
    this.hop = Math.round(HOP_S * sampleRateHz);
  }

  push(samples: Float32Array): void {
    const joined = new Float32Array(this.rest.length + samples.length);
    joined.set(this.rest);
    joined.set(samples, this.rest.length);
    const window = hann(this.size);
    const hzPerBin = this.sampleRateHz / this.size;
    const binsPerBand = Math.round(BAND_HZ / hzPerBin);
    const firstBin = Math.round(LOW_HZ / hzPerBin);
    let at = 0;
    for (; at + this.size <= joined.length; at += this.hop) {
      const start = at;
      const powers = powerSpectrum(
        Float64Array.from({ length: this.size }, (_, index) => joined[start + index]! * window[index]!),
      );
      this.rows.push(
        Float32Array.from({ length: NUM_BANDS }, (_, band) => {
          let sum = 0;
          for (let bin = 0; bin < binsPerBand; bin += 1) {
            sum += powers[firstBin + band * binsPerBand + bin]!;
          }
          return sum;
        }),
      );
    }
    this.rest = joined.slice(at);
    this.numRows += at / this.hop;
    if (this.rows.length > 2 * this.keptRows) {
      this.rows.splice(0, this.rows.length - this.keptRows);
    }
  }

  /** Start another recording and keep the earlier rows. */
  cut(): void {
    this.rest = new Float32Array(0);
  }
}

/** The speech of each recording that repeats itself or an earlier recording. */
export function repetitions(recordings: readonly (readonly Float32Array[])[]): Repetition[] {
  const tracks = recordings.map(changesOf);
  return tracks.map((_, number) =>
    repetition(tracks.slice(0, number + 1), soundFrames(recordings[number]!), 0),
  );
}

/** Share of the speech from `firstFrame` on that is repeated. */
export function repeatedShare(rows: readonly Float32Array[], firstFrame: number): number {
  const isSound = soundFrames(rows).map((is, frame) => is && frame >= firstFrame);
  return repetition([changesOf(rows)], isSound, firstFrame).share;
}

/** Changes of the level in each band; silence has none. */
function changesOf(rows: readonly Float32Array[]): Float32Array[] {
  const total = rows.reduce((sum, row) => row.reduce((part, value) => part + value, sum), 0);
  const floor = (FLOOR * total) / Math.max(1, rows.length * NUM_BANDS) + 1e-20;
  const levels = rows.map((row) => row.map((value) => Math.log(value + floor)));
  return levels
    .slice(CHANGE_FRAMES)
    .map((row, frame) => row.map((value, band) => value - levels[frame]![band]!));
}

function soundFrames(rows: readonly Float32Array[]): boolean[] {
  const totals = rows.map((row) => row.reduce((sum, value) => sum + value, 0));
  const mean = totals.reduce((sum, value) => sum + value, 0) / Math.max(1, totals.length);
  return totals.map((total) => total > PAUSE_POWER * mean);
}

/** The repeated speech of the last track. */
function repetition(
  tracks: readonly Float32Array[][],
  isSound: readonly boolean[],
  firstFrame: number,
): Repetition {
  const last = tracks.at(-1)!;
  // A copy may have silence around it where the original begins and ends with speech.
  const silence = Array.from({ length: STEP_FRAMES }, () => new Float32Array(NUM_BANDS));
  const earlier = tracks.slice(0, -1).map((track) => [...silence, ...track, ...silence]);
  let firsts: number[] = [];
  // Pieces start at the end and leave no remainder there; half a piece may be from before.
  for (let first = last.length - PIECE_FRAMES; first >= 0; first -= STEP_FRAMES) {
    if (first >= firstFrame - PIECE_FRAMES / 2) {
      firsts.push(first);
    }
  }
  if (firsts.length > MOST_PIECES) {
    const step = (firsts.length - 1) / (MOST_PIECES - 1);
    firsts = Array.from({ length: MOST_PIECES }, (_, at) => firsts[Math.round(at * step)]!);
  }
  const repeated = new Float64Array(tracks.length);
  let speech = 0;
  for (const first of firsts) {
    const weight = isSound.slice(first, first + PIECE_FRAMES).filter(Boolean).length;
    if (weight === 0) {
      continue;
    }
    speech += weight;
    const piece = last.slice(first, first + PIECE_FRAMES);
    const before = Math.max(0, first - LEAST_LAG_FRAMES + PIECE_FRAMES);
    const found = [...earlier, last.slice(0, before)].map((track) => highest(piece, track));
    const most = Math.max(...found);
    if (most >= COPY) {
      repeated[found.indexOf(most)]! += weight;
    }
  }
  const total = repeated.reduce((sum, value) => sum + value, 0);
  if (total === 0) {
    return { share: 0, source: null };
  }
  return { share: total / speech, source: repeated.indexOf(Math.max(...repeated)) };
}

/** Highest correlation of a piece with a part of its length, at any lag; 0 without one. */
function highest(piece: readonly Float32Array[], track: readonly Float32Array[]): number {
  let most = 0;
  const few = piece.filter((_, frame) => frame % STRIDE === 0);
  const energyOfPiece = few.reduce((sum, row) => sum + dot(row, row), 0);
  const energies = track.map((row) => dot(row, row));
  for (let lag = 0; lag + PIECE_FRAMES <= track.length; lag += 1) {
    let product = 0;
    let energy = 0;
    for (let frame = 0; frame < few.length; frame += 1) {
      const at = lag + frame * STRIDE;
      product += dot(few[frame]!, track[at]!);
      energy += energies[at]!;
    }
    most = Math.max(most, product / Math.max(Math.sqrt(energy * energyOfPiece), 1e-9));
  }
  return most;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index += 1) {
    sum += a[index]! * b[index]!;
  }
  return sum;
}
