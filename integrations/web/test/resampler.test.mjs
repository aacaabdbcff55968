// Resampling keeps the band of the lower rate and removes the rest, for any chunks.
import assert from "node:assert/strict";
import { test } from "node:test";

import { StreamResampler } from "../dist/audio/resampler.js";
import { ConfigError } from "../dist/index.js";

const TARGET_HZ = 16000;

function tone(rateHz, hz, seconds = 0.5) {
  return Float32Array.from({ length: rateHz * seconds }, (_, at) =>
    Math.sin((2 * Math.PI * hz * at) / rateHz));
}

function resampled(samples, rateHz, chunk) {
  const resampler = new StreamResampler(rateHz, TARGET_HZ);
  const parts = [];
  for (let at = 0; at < samples.length; at += chunk) {
    parts.push(...resampler.push(samples.subarray(at, at + chunk)));
  }
  return [...parts, ...resampler.finish()];
}

for (const rateHz of [7999, 8000, 11025, 22050, 44100, 44101, 48000, 96000]) {
  test(`from ${rateHz} Hz`, () => {
    const hz = 3000;
    const samples = tone(rateHz, hz);
    const found = resampled(samples, rateHz, 4096);
    assert.equal(found.length, Math.round((samples.length * TARGET_HZ) / rateHz));
    // Away from the ends, where the filter meets silence. 24 bits of float32 and 120 dB are less.
    for (let at = 1000; at < found.length - 1000; at += 1) {
      const expected = Math.sin((2 * Math.PI * hz * at) / TARGET_HZ);
      assert.ok(Math.abs(found[at] - expected) < 1e-5, `${at}: ${found[at]}, ${expected}`);
    }
  });

  test(`chunks of audio at ${rateHz} Hz do not matter`, () => {
    const samples = tone(rateHz, 440, 0.1);
    const whole = resampled(samples, rateHz, samples.length);
    for (const chunk of [1, 7, 128, 1000]) {
      assert.deepEqual(resampled(samples, rateHz, chunk), whole);
    }
  });
}

for (const rateHz of [48000, 48001]) {
  test(`what the lower rate cannot carry is gone from ${rateHz} Hz`, () => {
    const found = resampled(tone(rateHz, 9000), rateHz, 2048).slice(1000, -1000);
    assert.ok(Math.max(...found.map(Math.abs)) < 2e-6); // 120 dB down, and rounding
  });
}

test("a rate with many phases takes no more filters than others", () => {
  const resampler = new StreamResampler(44101, TARGET_HZ);
  resampler.push(tone(44101, 440));
  assert.ok(resampler.filters.size <= 131, `${resampler.filters.size} filters`);
});

test("the same rate changes nothing, no samples give none", () => {
  const samples = tone(TARGET_HZ, 100);
  assert.deepEqual(resampled(samples, TARGET_HZ, 999), [...samples]);
  assert.deepEqual(new StreamResampler(48000, TARGET_HZ).finish(), new Float32Array(0));
  for (const rateHz of [0, 3999, 44100.5, NaN, 1e6]) {
    assert.throws(() => new StreamResampler(rateHz, TARGET_HZ), ConfigError);
  }
});
