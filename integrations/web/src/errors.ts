/**
 * The errors of the package, with the names that they have in Python.
 *
 * Messages say what was expected, what was given and what to do. A rejected speaker is a result,
 * not an error.
 */

/** Base class of the errors of speakersdk. */
export class SpeakerSdkError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** An option is unknown or outside its range. */
export class ConfigError extends SpeakerSdkError {}

/** A stream, an enrollment or a microphone was used after its end. */
export class ClosedError extends SpeakerSdkError {}

/** The browser lacks something that the call needs. */
export class UnsupportedBrowserError extends SpeakerSdkError {}

/** The audio cannot be used. */
export class AudioError extends SpeakerSdkError {}

/** The samples are empty, not finite, or of the wrong type. */
export class InvalidAudioError extends AudioError {}

/** The audio is shorter than the model needs. */
export class AudioTooShortError extends AudioError {
  constructor(
    readonly neededS: number,
    readonly gotS: number,
  ) {
    super(
      `expected at least ${significant(neededS)} s of audio, got ${significant(gotS)} s; ` +
        "record longer",
    );
  }
}

/** The microphone is missing, not permitted, or has stopped. */
export class MicrophoneError extends AudioError {}

/** The model file cannot be used. */
export class ModelError extends SpeakerSdkError {}

/** The ONNX file has no manifest, is damaged, or has a manifest that this version cannot read. */
export class ManifestError extends ModelError {}

/** A voiceprint was made with a different model. */
export class IncompatibleModelError extends ModelError {
  constructor(
    readonly expected: string,
    readonly got: string,
  ) {
    super(
      `the voiceprint was made with model ${got}, expected model ${expected}; ` +
        "enroll again with this model, or load the model that made the voiceprint",
    );
  }
}

/** onnxruntime could not load or run the model. */
export class InferenceError extends ModelError {}

/** The recordings cannot become a voiceprint. */
export class EnrollmentError extends SpeakerSdkError {
  /** `problems` are keys of `AudioProblem` that caused it and can be accepted explicitly. */
  constructor(
    message: string,
    readonly problems: readonly string[] = [],
  ) {
    super(message);
  }
}

/** The bytes are not a voiceprint, are damaged, or come from an unknown version. */
export class VoiceprintError extends SpeakerSdkError {}

/** The voiceprint has expired and must not be used. */
export class ExpiredVoiceprintError extends VoiceprintError {
  constructor(
    readonly speaker: string,
    readonly expiresUtc: string,
  ) {
    super(
      `the voiceprint of ${JSON.stringify(speaker)} expired at ${expiresUtc}; enroll again, or ` +
        "delete it",
    );
  }
}

/** A number with three significant digits, without trailing zeros. */
function significant(value: number): string {
  return String(Number(value.toPrecision(3)));
}
