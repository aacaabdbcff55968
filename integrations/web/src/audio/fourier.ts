/** The power spectrum of real samples of any length whose prime factors are small. */

/** Powers of the bins 0 to n/2 of n samples. Takes about n times the sum of the prime factors of n. */
export function powerSpectrum(samples: Float64Array): Float64Array {
  const plan = planOf(samples.length);
  transform(plan, samples, 0, 0, 1, 0);
  const powers = new Float64Array(Math.floor(samples.length / 2) + 1);
  for (let bin = 0; bin < powers.length; bin += 1) {
    powers[bin] = plan.re[bin]! ** 2 + plan.im[bin]! ** 2;
  }
  return powers;
}

/** The tables that transforms of one length share. */
interface Plan {
  readonly factors: readonly number[];
  /** exp(-2 pi i k / n) for k below n. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
  /** The result, and space for one butterfly. */
  readonly re: Float64Array;
  readonly im: Float64Array;
  readonly partRe: Float64Array;
  readonly partIm: Float64Array;
}

const plans = new Map<number, Plan>();

function planOf(length: number): Plan {
  let plan = plans.get(length);
  if (plan === undefined) {
    const angle = (index: number): number => (-2 * Math.PI * index) / length;
    const factors = factorsOf(length);
    const most = Math.max(1, ...factors);
    plan = {
      factors,
      cos: Float64Array.from({ length }, (_, index) => Math.cos(angle(index))),
      sin: Float64Array.from({ length }, (_, index) => Math.sin(angle(index))),
      re: new Float64Array(length),
      im: new Float64Array(length),
      partRe: new Float64Array(most),
      partIm: new Float64Array(most),
    };
    plans.set(length, plan);
  }
  return plan;
}

/**
 * Decimation in time (J. W. Cooley and J. W. Tukey, 1965), in place.
 *
 * Transforms every `stride`-th sample from `from` on into the bins from `to` on.
 */
function transform(
  plan: Plan,
  samples: Float64Array,
  from: number,
  to: number,
  stride: number,
  depth: number,
): void {
  const { re, im, cos, sin, partRe, partIm } = plan;
  const factor = plan.factors[depth];
  if (factor === undefined) {
    re[to] = samples[from]!;
    im[to] = 0;
    return;
  }
  const total = samples.length;
  const size = total / stride / factor;
  for (let part = 0; part < factor; part += 1) {
    transform(plan, samples, from + part * stride, to + part * size, stride * factor, depth + 1);
  }
  for (let bin = 0; bin < size; bin += 1) {
    for (let part = 0; part < factor; part += 1) {
      const at = to + part * size + bin;
      const turn = (part * bin * stride) % total;
      partRe[part] = re[at]! * cos[turn]! - im[at]! * sin[turn]!;
      partIm[part] = re[at]! * sin[turn]! + im[at]! * cos[turn]!;
    }
    for (let out = 0; out < factor; out += 1) {
      let sumRe = partRe[0]!;
      let sumIm = partIm[0]!;
      for (let part = 1; part < factor; part += 1) {
        const turn = (((part * out) % factor) * total) / factor;
        sumRe += partRe[part]! * cos[turn]! - partIm[part]! * sin[turn]!;
        sumIm += partRe[part]! * sin[turn]! + partIm[part]! * cos[turn]!;
      }
      re[to + out * size + bin] = sumRe;
      im[to + out * size + bin] = sumIm;
    }
  }
}

/** Prime factors, the smallest first. */
function factorsOf(number: number): number[] {
  for (let factor = 2; factor * factor <= number; factor += 1) {
    if (number % factor === 0) {
      return [factor, ...factorsOf(number / factor)];
    }
  }
  return number > 1 ? [number] : [];
}

const windows = new Map<number, Float64Array>();

/** The symmetric Hann window of n samples. */
export function hann(length: number): Float64Array {
  let window = windows.get(length);
  if (window === undefined) {
    window = Float64Array.from(
      { length },
      (_, index) => 0.5 - 0.5 * Math.cos((2 * Math.PI * index) / (length - 1)),
    );
    windows.set(length, window);
  }
  return window;
}
