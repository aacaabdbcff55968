/** Speaker verification in the browser. docs/guides/browser.md shows how to use it. */

export { Microphone, type MicrophoneOptions } from "./audio/microphone.js";
export type { Recording, Samples } from "./audio/waveform.js";
export { AUDIO_PROBLEMS, type AudioProblem } from "./audio/quality.js";
export type { Decision, Identification, Promised, Verdict } from "./decision/outcome.js";
export type { Enrollment, EnrollmentProgress } from "./enrollment/live.js";
export * from "./errors.js";
export type { Manifest } from "./model/manifest.js";
export type { AudioBlock, SpeakerStream, StreamOptions } from "./streaming/stream.js";
export type { Candidate, StreamUpdate } from "./streaming/update.js";
export { Verifier, type VerifierOptions } from "./verifier.js";
export type { Change, Consent } from "./voiceprint/life.js";
export { Voiceprint, type VoiceprintValues } from "./voiceprint/voiceprint.js";
