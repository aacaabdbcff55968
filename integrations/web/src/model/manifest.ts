/** The manifest: the description of a model in the metadata of its ONNX file. */

import { Calibration } from "../calibration/calibration.js";
import { ManifestError, SpeakerSdkError } from "../errors.js";

const PREFIX = "speakersdk.";
const SCHEMA_VERSION = 3;
const MAXIMUM_SIZE = 2 ** 24;

/** Framing of the front end inside the graph, in samples. */
export interface Frontend {
  readonly sampleRateHz: number;
  readonly windowSamples: number;
  readonly hopSamples: number;
}

/** The description of a model; docs/formats/model.md describes the fields. */
export interface Manifest {
  readonly name: string;
  readonly frontend: Frontend;
  readonly embeddingDim: number;
  readonly temperature: number;
  readonly hopFrames: number;
  readonly windowS: number;
  readonly minimumS: number;
  readonly cacheSize: number;
  readonly statisticsSize: number;
  readonly speechThreshold: number;
  readonly weightsSha256: string;
  readonly calibration: Calibration | null;
}

/** Step between frames in seconds. */
export function frameS(manifest: Manifest): number {
  return manifest.frontend.hopSamples / manifest.frontend.sampleRateHz;
}

/** Length of a streaming hop in samples. */
export function hopSamples(manifest: Manifest): number {
  return manifest.hopFrames * manifest.frontend.hopSamples;
}

/** Length of a streaming hop in seconds. */
export function hopS(manifest: Manifest): number {
  return hopSamples(manifest) / manifest.frontend.sampleRateHz;
}

/**
 * Samples that one call of the graph shares with the call before it: one for pre-emphasis, and the
 * part of the last window beyond its hop.
 */
export function contextSamples(manifest: Manifest): number {
  return 1 + manifest.frontend.windowSamples - manifest.frontend.hopSamples;
}

/** Read a manifest; throws ManifestError if it is unknown, incomplete or out of range. */
export function manifestOf(metadata: ReadonlyMap<string, string>): Manifest {
  const version = json(metadata, "schema_version");
  if (version !== SCHEMA_VERSION) {
    throw new ManifestError(
      `expected manifest schema ${SCHEMA_VERSION}, got ${short(version)}; ` +
        "install a version of this package that knows it, or export the model again",
    );
  }
  const mode = json(metadata, "mode");
  if (mode !== "stateful") {
    throw new ManifestError(
      `expected a model of mode stateful, got ${short(mode)}; other models run in Python only`,
    );
  }
  if (json(metadata, "has_speech_head") !== true) {
    throw new ManifestError(
      "expected a model that detects speech itself (has_speech_head), got one that does not; " +
        "such models run in Python only",
    );
  }
  const front = json(metadata, "frontend");
  if (typeof front !== "object" || front === null) {
    throw new ManifestError(`expected frontend to be an object, got ${short(front)}`);
  }
  const inFrontend = (key: string, most: number): number =>
    bounded(`frontend.${key}`, (front as Record<string, unknown>)[key], 1, most, true);
  const frontend = {
    sampleRateHz: inFrontend("sample_rate_hz", 768_000),
    windowSamples: inFrontend("window_samples", MAXIMUM_SIZE),
    hopSamples: inFrontend("hop_samples", MAXIMUM_SIZE),
  };
  if (frontend.hopSamples > frontend.windowSamples) {
    throw new ManifestError(
      `expected hop_samples of at most window_samples, got ${frontend.hopSamples} and ` +
        `${frontend.windowSamples}`,
    );
  }
  const whole = (key: string, most = MAXIMUM_SIZE): number =>
    bounded(key, json(metadata, key), 1, most, true);
  const number = (key: string, least: number, most: number): number =>
    bounded(key, json(metadata, key), least, most, false);
  const embeddingDim = whole("embedding_dim");
  return {
    name: text("name", json(metadata, "name"), /^[^]{1,500}$/u),
    frontend,
    embeddingDim,
    temperature: number("temperature", 1e-6, 1e6),
    hopFrames: whole("hop_frames", 10_000),
    windowS: number("window_s", 0.001, 3600),
    minimumS: number("minimum_s", 0.001, 3600),
    cacheSize: whole("cache_size"),
    statisticsSize: whole("statistics_size"),
    speechThreshold: number("speech_threshold", 0, 1),
    weightsSha256: text("weights_sha256", json(metadata, "weights_sha256"), /^[0-9a-f]{64}$/),
    calibration: calibrationOf(json(metadata, "calibration"), embeddingDim),
  };
}

function calibrationOf(value: unknown, embeddingDim: number): Calibration | null {
  if (value === null) {
    return null;
  }
  try {
    return Calibration.fromJson(value, embeddingDim);
  } catch (error) {
    if (error instanceof SpeakerSdkError) {
      throw new ManifestError(`the manifest is not valid: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

function json(metadata: ReadonlyMap<string, string>, key: string): unknown {
  const value = metadata.get(PREFIX + key);
  if (value === undefined) {
    throw new ManifestError(`the manifest is not valid: it lacks ${key}`);
  }
  try {
    return JSON.parse(value);
  } catch (error) {
    throw new ManifestError(`the manifest is not valid: ${key} is not JSON`, { cause: error });
  }
}

function bounded(
  name: string,
  value: unknown,
  least: number,
  most: number,
  isWhole: boolean,
): number {
  const isRight = isWhole ? Number.isInteger(value) : typeof value === "number";
  if (!isRight || !((value as number) >= least && (value as number) <= most)) {
    throw new ManifestError(
      `expected ${name} to be a ${isWhole ? "whole " : ""}number from ${least} to ${most}, got ` +
        short(value),
    );
  }
  return value as number;
}

function text(name: string, value: unknown, pattern: RegExp): string {
  if (typeof value !== "string" || !pattern.test(value)) {
    throw new ManifestError(`expected ${name} to be text, got ${short(value)}`);
  }
  return value;
}

function short(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 60);
}
