/** The only user of onnxruntime-web: calls of the stateful graph of docs/formats/model.md. */

import * as ort from "onnxruntime-web/wasm";

import { InferenceError } from "../errors.js";
import { type Manifest, contextSamples } from "../model/manifest.js";

/** Inputs of one call of k frames with R sums. */
export interface GraphInputs {
  /** The context and k hops of samples. */
  readonly samples: Float32Array;
  /** k weights: 1 counts a frame, 0 is padding. */
  readonly frameWeights: Float32Array;
  /** `nextCache` of the last call; zeros at the start of a stream. */
  readonly cache: Float32Array;
  /** R rows of sums, one after the other, that the frames are added to. */
  readonly statistics: Float32Array;
}

export interface GraphOutputs {
  /** One embedding per sum. */
  readonly embeddings: readonly Float32Array[];
  readonly hopStatistics: Float32Array;
  /** Speech probability of each frame. */
  readonly speech: Float32Array;
  readonly nextCache: Float32Array;
}

export class StatefulGraph {
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly session: ort.InferenceSession,
    readonly manifest: Manifest,
  ) {}

  /**
   * Open a session.
   *
   * @param wasmUrl address of the .wasm of onnxruntime-web; undefined means next to its module.
   * Throws InferenceError if the runtime or the model cannot be loaded.
   */
  static async open(
    content: Uint8Array,
    manifest: Manifest,
    wasmUrl: string | undefined,
  ): Promise<StatefulGraph> {
    // One thread needs no cross-origin isolation, and is fast enough: 3 s take about 40 ms.
    ort.env.wasm.numThreads = 1;
    if (wasmUrl !== undefined) {
      ort.env.wasm.wasmPaths = { wasm: wasmUrl };
    }
    try {
      const session = await ort.InferenceSession.create(content, { executionProviders: ["wasm"] });
      return new StatefulGraph(session, manifest);
    } catch (error) {
      throw new InferenceError(
        `onnxruntime-web could not load ${manifest.name}: ${messageOf(error)}; check that its ` +
          ".wasm file is served (option wasmUrl) and that the page's policy allows wasm-unsafe-eval",
        { cause: error },
      );
    }
  }

  /** Free the session. */
  async release(): Promise<void> {
    await this.last;
    await this.session.release();
  }

  /** Number of samples of a call of k frames. */
  numSamples(numFrames: number): number {
    return contextSamples(this.manifest) + numFrames * this.manifest.frontend.hopSamples;
  }

  /** Run one call. Calls of several streams run one after the other. */
  run(inputs: GraphInputs): Promise<GraphOutputs> {
    const result = this.last.then(() => this.runNow(inputs));
    this.last = result.catch(() => undefined);
    return result;
  }

  private async runNow(inputs: GraphInputs): Promise<GraphOutputs> {
    const row = (values: Float32Array): ort.Tensor => new ort.Tensor("float32", values, [1, values.length]);
    let outputs: ort.InferenceSession.ReturnType;
    try {
      outputs = await this.session.run({
        samples: row(inputs.samples),
        frame_weights: row(inputs.frameWeights),
        cache: row(inputs.cache),
        statistics: row(inputs.statistics),
      });
    } catch (error) {
      throw new InferenceError(`onnxruntime-web failed: ${messageOf(error)}; load the model again`, {
        cause: error,
      });
    }
    const values = (name: string): Float32Array => {
      const data = outputs[name]?.data;
      if (!(data instanceof Float32Array)) {
        throw new InferenceError(`expected the output ${name} of float32; export the model again`);
      }
      return data;
    };
    const embeddings = values("embedding");
    const dim = this.manifest.embeddingDim;
    return {
      embeddings: Array.from({ length: embeddings.length / dim }, (_, number) =>
        embeddings.slice(number * dim, (number + 1) * dim),
      ),
      hopStatistics: values("hop_statistics"),
      speech: values("speech"),
      nextCache: values("next_cache"),
    };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
