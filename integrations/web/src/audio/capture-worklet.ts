/**
 * The part of the microphone that runs on the browser's audio thread.
 *
 * It is a text: bundlers need not know it, and it needs no further request.
 */
export const CAPTURE_WORKLET = `
const BLOCK = 2048; // 43 ms at 48 kHz

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(BLOCK);
    this.filled = 0;
    this.next = null; // number of the next frame
    this.lost = 0; // frames missing before the block
  }

  process([input]) {
    const samples = input[0];
    if (samples === undefined) {
      return true; // the source has not begun
    }
    if (this.next !== null && currentFrame !== this.next) {
      this.send();
      this.lost += Math.max(0, currentFrame - this.next);
    }
    this.next = currentFrame + samples.length;
    this.block.set(samples, this.filled);
    this.filled += samples.length;
    if (this.filled + samples.length > BLOCK) {
      this.send();
    }
    return true;
  }

  send() {
    if (this.filled === 0) {
      return;
    }
    const samples = this.block.slice(0, this.filled);
    this.port.postMessage({ samples, lost: this.lost }, [samples.buffer]);
    this.filled = 0;
    this.lost = 0;
  }
}

registerProcessor("speakersdk-capture", Capture);
`;
