// All tests in one process: it compiles onnxruntime's WASM once.
import "./fourier.test.mjs";
import "./model-file.test.mjs";
import "./streaming.test.mjs";
import "./verifier.test.mjs";
import "./voiceprint.test.mjs";
