// All tests in one process, which compiles the WASM of onnxruntime once.
import "./eigenvector.test.mjs";
import "./fourier.test.mjs";
import "./model-file.test.mjs";
import "./repetition.test.mjs";
import "./resampler.test.mjs";
import "./streaming.test.mjs";
import "./verifier.test.mjs";
import "./voiceprint.test.mjs";
