/** A microphone: blocks of samples as they arrive, through getUserMedia and an AudioWorklet. */

import { ClosedError, MicrophoneError, UnsupportedBrowserError } from "../errors.js";
import type { AudioBlock } from "../streaming/stream.js";
import { CAPTURE_WORKLET } from "./capture-worklet.js";

/** Blocks kept for a slow reader. Older ones are dropped, and the next block reports it. */
const MOST_WAITING_S = 10;

export interface MicrophoneOptions {
  /** Id from `navigator.mediaDevices.enumerateDevices()`; without it, the default device. */
  readonly deviceId?: string;
}

interface Captured {
  readonly samples: Float32Array;
  readonly lost: number;
}

/** An open microphone. Iterate over it once; the end of the loop closes it. */
export class Microphone implements AsyncIterable<AudioBlock> {
  private readonly waiting: Captured[] = [];
  private dropped = 0; // samples that the reader missed
  private isCut = false; // the context stopped: an unknown amount is missing
  private failure: MicrophoneError | undefined;
  private isClosed = false;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly context: AudioContext,
    private readonly stream: MediaStream,
  ) {}

  /**
   * Open a microphone. The browser asks the user for permission. Call it from a click:
   * browsers start audio only on pages that the user has touched.
   *
   * Throws MicrophoneError: there is none, it is in use, or the user refused.
   * UnsupportedBrowserError: the page is not secure, or the browser has no AudioWorklet.
   */
  static async open(options: MicrophoneOptions = {}): Promise<Microphone> {
    if (globalThis.navigator?.mediaDevices === undefined) {
      throw new UnsupportedBrowserError(
        "expected a page from https or localhost, got one where the browser withholds the " +
          "microphone",
      );
    }
    const stream = await requested(options);
    const context = new AudioContext({ latencyHint: "interactive" });
    const microphone = new Microphone(context, stream);
    try {
      await microphone.start();
    } catch (error) {
      await microphone.close();
      throw error;
    }
    return microphone;
  }

  /** Samples per second of the blocks. */
  get sampleRateHz(): number {
    return this.context.sampleRate;
  }

  /** Name of the device, if the browser reveals it. */
  get label(): string {
    return this.stream.getAudioTracks()[0]?.label ?? "";
  }

  /** Turn the microphone off. May be called again. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.stream.getTracks().forEach((track) => track.stop());
    if (this.context.state !== "closed") {
      await this.context.close();
    }
    this.wake();
  }

  /**
   * Blocks from now on, until `close`.
   *
   * Throws MicrophoneError: the device was lost. ClosedError: it was closed before.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<AudioBlock, void, undefined> {
    if (this.isClosed) {
      throw new ClosedError("the microphone is closed; open another");
    }
    try {
      for (;;) {
        const captured = this.waiting.shift();
        if (captured !== undefined) {
          yield this.block(captured);
        } else if (this.failure !== undefined) {
          throw this.failure;
        } else if (this.isClosed) {
          return;
        } else {
          await new Promise<void>((resolve) => (this.wake = resolve));
        }
      }
    } finally {
      await this.close();
    }
  }

  private async start(): Promise<void> {
    const { context, stream } = this;
    if (context.audioWorklet === undefined) {
      throw new UnsupportedBrowserError("expected a browser with AudioWorklet; update the browser");
    }
    const url = URL.createObjectURL(new Blob([CAPTURE_WORKLET], { type: "text/javascript" }));
    try {
      await context.audioWorklet.addModule(url);
    } catch (error) {
      throw new UnsupportedBrowserError(
        "the browser refused the audio worklet; the page's policy must allow script-src blob:",
        { cause: error },
      );
    } finally {
      URL.revokeObjectURL(url);
    }
    const node = new AudioWorkletNode(context, "speakersdk-capture", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    node.port.onmessage = (event: MessageEvent<Captured>) => this.take(event.data);
    for (const track of stream.getAudioTracks()) {
      track.onended = () => this.fail("the microphone was unplugged or taken away; open it again");
    }
    context.onstatechange = () => {
      this.isCut ||= context.state !== "running";
    };
    context.createMediaStreamSource(stream).connect(node);
    await context.resume();
    this.isCut = false;
  }

  private take(captured: Captured): void {
    this.waiting.push(captured);
    const most = MOST_WAITING_S * this.sampleRateHz;
    let total = this.waiting.reduce((sum, { samples }) => sum + samples.length, 0);
    while (total > most) {
      const { samples, lost } = this.waiting.shift()!;
      total -= samples.length;
      this.dropped += samples.length + lost;
    }
    this.wake();
  }

  private block({ samples, lost }: Captured): AudioBlock {
    const missing = lost + this.dropped;
    const block = { samples, sampleRateHz: this.sampleRateHz };
    if (missing === 0 && !this.isCut) {
      return block;
    }
    this.dropped = 0;
    this.isCut = false;
    return { ...block, lostS: missing / this.sampleRateHz };
  }

  private fail(message: string): void {
    this.failure = new MicrophoneError(message);
    this.wake();
  }
}

/** Unprocessed sound: the processing of browsers for calls changes voices. */
async function requested(options: MicrophoneOptions): Promise<MediaStream> {
  const audio: MediaTrackConstraints = {
    channelCount: 1,
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
    ...(options.deviceId === undefined ? {} : { deviceId: { exact: options.deviceId } }),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    const reasons: Readonly<Record<string, string>> = {
      NotAllowedError: "this page may not use the microphone; allow it in the settings of the site",
      NotFoundError: "there is no microphone; connect one",
      NotReadableError: "the microphone cannot be read; close other programs that use it",
      OverconstrainedError: "there is no microphone of that deviceId; leave it out",
    };
    const reason = reasons[name] ?? `the microphone cannot be opened: ${String(error)}`;
    throw new MicrophoneError(reason, { cause: error });
  }
}
