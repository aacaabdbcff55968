/** Mixing channels down to one: their mean, unless they cancel out. */

// The mean of unrelated channels has 1 / channels of their power, and that of equal ones all of it.
// With less than a tenth of the power for unrelated ones, channels are out of phase: wrong wiring,
// or a balanced line recorded as stereo (L = -R).
const CANCELLED = 0.1;
const RESTORED = 0.2; // above this share the mean is used again
const CELL_SAMPLES = 512; // 10 to 130 ms at the usual rates
const MEMORY = 0.98; // memory of the powers, per cell
const MEAN = -1;

/**
 * Mix checked channels of one length down to one.
 *
 * For each cell of 512 samples the preceding samples decide whether the channels cancel out; the
 * first cell that is not silence decides for itself. Channels that cancel out are replaced by the
 * loudest of them.
 */
export function mono(channels: readonly Float32Array[]): Float32Array {
  const first = channels[0]!;
  if (channels.length === 1) {
    return first;
  }
  const mixed = Float32Array.from(
    first,
    (_, index) => channels.reduce((sum, channel) => sum + channel[index]!, 0) / channels.length,
  );
  const output = mixed.slice();
  let powers: { mean: number; unrelated: number } | undefined;
  let chosen = MEAN;
  for (let at = 0; at < first.length; at += CELL_SAMPLES) {
    const end = Math.min(at + CELL_SAMPLES, first.length);
    const isWhole = end - at === CELL_SAMPLES;
    const each = channels.map((channel) => power(channel, at, end));
    const mean = power(mixed, at, end);
    const unrelated = each.reduce((sum, value) => sum + value, 0) / channels.length ** 2;
    const isFirst = powers === undefined;
    if (isFirst && unrelated > 0) {
      powers = { mean, unrelated };
      chosen = mean < CANCELLED * unrelated ? each.indexOf(Math.max(...each)) : MEAN;
    }
    if (chosen !== MEAN) {
      output.set(channels[chosen]!.subarray(at, end), at);
    }
    if (powers !== undefined && isWhole) {
      powers = {
        mean: MEMORY * powers.mean + (1 - MEMORY) * mean,
        unrelated: MEMORY * powers.unrelated + (1 - MEMORY) * unrelated,
      };
      if (chosen === MEAN && powers.mean < CANCELLED * powers.unrelated) {
        chosen = each.indexOf(Math.max(...each));
      } else if (chosen !== MEAN && powers.mean > RESTORED * powers.unrelated) {
        chosen = MEAN;
      }
    }
  }
  return output;
}

function power(samples: Float32Array, from: number, to: number): number {
  let sum = 0;
  for (let index = from; index < to; index += 1) {
    sum += samples[index]! ** 2;
  }
  return sum / (to - from);
}
