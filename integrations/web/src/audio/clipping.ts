/** Which samples are cut off, at full scale or at the highest and lowest level so far. */

const CLIPPED_LEVEL = 0.985;
// Samples that were cut off and then attenuated are at the highest and lowest level so far. Below
// the second value they cannot be distinguished: the steps of 16 bits are as large.
const FLAT_LEVEL = 0.998;
const FLAT_PEAK = 0.01;
// Samples exceed full scale in floats that were never cut off, and where a resampler or a lossy
// codec smoothed clipped ones. After a cut, most of the samples near full scale or above are at it;
// the Python package's audio/levels.py has the measurements.
const OVERSHOOT = 1.02;
const NEAR_LOW = 0.97;
const NEAR_HIGH = 1.03;
const CUT_SHARE = 0.75;
const CUT_SAMPLES = 0.0015; // share of the samples of loud hops; fewer have no meaning
const MANY_SHARE = 0.5;
const MANY_SAMPLES = 0.1;

export class ClippingMeter {
  private high = -Infinity;
  private low = Infinity;
  private numSamples = 0; // of loud hops
  private numNear = 0; // at full scale
  private numAbove = 0; // at full scale or above

  /** The share of the samples of the next hop that are cut off. */
  cutShare(samples: Float32Array): number {
    let loudest = 0;
    for (const value of samples) {
      this.high = Math.max(this.high, value);
      this.low = Math.min(this.low, value);
      loudest = Math.max(loudest, Math.abs(value));
    }
    if (loudest >= NEAR_LOW) {
      this.count(samples);
    }
    const isCutAtFullScale = Math.max(this.high, -this.low) <= OVERSHOOT || this.endsAtFullScale;
    const span = (this.high - this.low) / 2;
    const margin = (1 - FLAT_LEVEL) * span;
    let numCut = 0;
    for (const value of samples) {
      const isAtScale = isCutAtFullScale && Math.abs(value) >= CLIPPED_LEVEL;
      const isFlat =
        span >= FLAT_PEAK && (value >= this.high - margin || value <= this.low + margin);
      numCut += isAtScale || isFlat ? 1 : 0;
    }
    return numCut / samples.length;
  }

  private count(samples: Float32Array): void {
    this.numSamples += samples.length;
    for (const value of samples) {
      const magnitude = Math.abs(value);
      this.numAbove += magnitude >= NEAR_LOW ? 1 : 0;
      this.numNear += magnitude >= NEAR_LOW && magnitude <= NEAR_HIGH ? 1 : 0;
    }
  }

  private get endsAtFullScale(): boolean {
    const share = this.numNear / Math.max(1, this.numAbove);
    const samples = this.numAbove / Math.max(1, this.numSamples);
    return (
      (share >= CUT_SHARE && samples >= CUT_SAMPLES) ||
      (share >= MANY_SHARE && samples >= MANY_SAMPLES)
    );
  }
}
