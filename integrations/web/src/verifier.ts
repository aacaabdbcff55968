/**
 * The verifier: from recordings to voiceprints, scores and decisions.
 *
 * recording -> waveform -> embedding -> symmetric KL with a voiceprint -> llr -> decision
 */

import { Microphone, type MicrophoneOptions } from "./audio/microphone.js";
import { type Recording, waveformOf } from "./audio/waveform.js";
import type { Decision, Identification } from "./decision/outcome.js";
import { DEFAULT_FAR, DecisionRule, speechShortage } from "./decision/rule.js";
import { identified, unanswered } from "./decision/verification.js";
import { StatefulGraph } from "./encoder/graph.js";
import { type Encoding, encode } from "./encoder/stateful.js";
import { Enrollment } from "./enrollment/live.js";
import { enrollRecordings } from "./enrollment/recordings.js";
import { AudioTooShortError, ConfigError, InvalidAudioError, ModelError } from "./errors.js";
import { type Manifest, manifestOf } from "./model/manifest.js";
import { checkedMetadata } from "./model/model-file.js";
import { symmetricKl } from "./scoring.js";
import { SpeakerStream, type StreamOptions } from "./streaming/stream.js";
import type { StreamUpdate } from "./streaming/update.js";
import { Voiceprint } from "./voiceprint/voiceprint.js";

export interface VerifierOptions {
  /** False-accept rate of one comparison, on speech like the model's calibration trials. */
  readonly far?: number;
  /** Address of the .wasm of onnxruntime-web; without it, next to its module. */
  readonly wasmUrl?: string;
}

/** Enrolls speakers and decides whether they speak in a recording. */
export class Verifier {
  private constructor(
    private readonly graph: StatefulGraph,
    private readonly far: number,
  ) {}

  /**
   * Load a model.
   *
   * @param model address of an ONNX file of speakersdk-export, or its bytes.
   * Throws ModelError: it cannot be loaded, is damaged, or has a manifest of an unknown
   * version. ConfigError: the model's calibration cannot support the rate.
   */
  static async load(
    model: string | URL | Uint8Array | ArrayBuffer,
    options: VerifierOptions = {},
  ): Promise<Verifier> {
    const content = await bytesOf(model);
    const manifest = manifestOf(await checkedMetadata(content));
    const far = options.far ?? DEFAULT_FAR;
    if (options.far !== undefined && manifest.calibration !== null) {
      new DecisionRule(manifest.calibration, far); // refused now, not at the first probe
    }
    return new Verifier(await StatefulGraph.open(content, manifest, options.wasmUrl), far);
  }

  /** The description in the model file. */
  get manifest(): Manifest {
    return this.graph.manifest;
  }

  /** Free the model's memory. */
  async close(): Promise<void> {
    await this.graph.release();
  }

  /**
   * Make a speaker's voiceprint: one exemplar per recording.
   *
   * @param recordings one or more of the same speaker, a few seconds each.
   * @param options.accept keys of problems to overlook, such as `noisy`.
   * Throws ConfigError: the name cannot be used. EnrollmentError: a recording is not good enough.
   */
  enroll(
    recordings: readonly Recording[],
    options: { readonly name: string; readonly accept?: readonly string[] },
  ): Promise<Voiceprint> {
    return enrollRecordings(this.graph, recordings, options.name, options.accept ?? []);
  }

  /**
   * Decide whether the enrolled speaker speaks in the recording.
   *
   * Throws AudioError: it is not audio. IncompatibleModelError: the voiceprint was made with
   * another model. ModelError: the model has no calibration.
   */
  async verify(voiceprint: Voiceprint, recording: Recording): Promise<Decision> {
    return (await this.identify([voiceprint], recording)).decision;
  }

  /** Decide which of the enrolled speakers speaks in the recording, if any; errors as `verify`. */
  async identify(
    voiceprints: readonly Voiceprint[],
    recording: Recording,
  ): Promise<Identification> {
    const rule = this.rule();
    this.checkCandidates(voiceprints);
    try {
      return identified(voiceprints, await this.encode(recording), rule);
    } catch (error) {
      if (error instanceof AudioTooShortError) {
        return unanswered(voiceprints[0]!, error, rule);
      }
      throw error;
    }
  }

  /**
   * Listen for enrolled speakers in audio that arrives in chunks.
   *
   * Throws ConfigError: no voiceprint, two of one name, or an option outside its range; others as
   * `verify`.
   */
  stream(voiceprints: readonly Voiceprint[], options: StreamOptions = {}): SpeakerStream {
    const rule = this.rule();
    this.checkCandidates(voiceprints);
    return new SpeakerStream(this.graph, rule, voiceprints, options);
  }

  /**
   * Listen on a microphone until the loop over the updates ends; errors as `stream` and
   * `Microphone.open`.
   */
  async *listen(
    voiceprints: readonly Voiceprint[],
    options: StreamOptions & MicrophoneOptions = {},
  ): AsyncGenerator<StreamUpdate, void, undefined> {
    const stream = this.stream(voiceprints, options);
    for await (const block of await Microphone.open(options)) {
      yield* await stream.push(block);
    }
  }

  /**
   * Enroll from audio that arrives in chunks, with progress and feedback.
   *
   * @param options.neededS net speech of good quality to collect; 10 s by default.
   * Throws ConfigError: the name cannot be used, or `neededS` is outside its range.
   */
  enrollment(options: { readonly name: string; readonly neededS?: number }): Enrollment {
    return new Enrollment(this.graph, options.name, options.neededS);
  }

  /** -J of two voiceprints or recordings, in nats: at most 0, higher for more similar voices. */
  async score(a: Voiceprint | Recording, b: Voiceprint | Recording): Promise<number> {
    const sides: Float32Array[] = [];
    for (const side of [a, b]) {
      if (side instanceof Voiceprint) {
        side.checkUsable(this.manifest);
        sides.push(side.embedding);
      } else {
        sides.push(await this.embed(side));
      }
    }
    return 0 - symmetricKl(sides[0]!, sides[1]!);
  }

  /** The embedding of a recording: logits of length T. Throws AudioError without speech. */
  async embed(recording: Recording): Promise<Float32Array> {
    const encoding = await this.encode(recording);
    const shortage = speechShortage(encoding.speechS, encoding.durationS, null);
    if (shortage !== null) {
      throw new InvalidAudioError(shortage.reason);
    }
    return encoding.embedding;
  }

  private encode(recording: Recording): Promise<Encoding> {
    return encode(this.graph, waveformOf(recording, this.manifest.frontend.sampleRateHz));
  }

  private rule(): DecisionRule {
    const { calibration, name } = this.manifest;
    if (calibration === null) {
      throw new ModelError(
        `expected a calibrated model, got ${name} without calibration, which supports no ` +
          "decision; score(a, b) still gives scores",
      );
    }
    return new DecisionRule(calibration, this.far);
  }

  private checkCandidates(voiceprints: readonly Voiceprint[]): void {
    if (voiceprints.length === 0) {
      throw new ConfigError("expected at least one voiceprint, got none");
    }
    const names = voiceprints.map((voiceprint) => voiceprint.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) {
      throw new ConfigError(
        `expected voiceprints of different names, got ${JSON.stringify(twice)} twice`,
      );
    }
    voiceprints.forEach((voiceprint) => voiceprint.checkUsable(this.manifest));
  }
}

async function bytesOf(model: string | URL | Uint8Array | ArrayBuffer): Promise<Uint8Array> {
  if (model instanceof Uint8Array) {
    return model;
  }
  if (model instanceof ArrayBuffer) {
    return new Uint8Array(model);
  }
  let response: Response;
  try {
    response = await fetch(model);
  } catch (error) {
    throw new ModelError(`cannot load the model from ${model}: the address does not answer`, {
      cause: error,
    });
  }
  if (!response.ok) {
    throw new ModelError(
      `cannot load the model from ${model}: the server answered ${response.status}; check the ` +
        "address",
    );
  }
  return new Uint8Array(await response.arrayBuffer());
}
