// The power spectrum, compared with its definition.
import assert from "node:assert/strict";
import { test } from "node:test";

import { hann, powerSpectrum } from "../dist/audio/fourier.js";

for (const length of [1, 2, 7, 30, 64, 100]) {
  test(`${length} samples`, () => {
    const samples = Float64Array.from({ length }, (_, at) => Math.sin(at * at) + 0.3);
    const powers = powerSpectrum(samples);
    assert.equal(powers.length, Math.floor(length / 2) + 1);
    powers.forEach((power, bin) => {
      let [re, im] = [0, 0];
      samples.forEach((value, at) => {
        re += value * Math.cos((2 * Math.PI * bin * at) / length);
        im += value * Math.sin((2 * Math.PI * bin * at) / length);
      });
      assert.ok(Math.abs(power - (re * re + im * im)) < 1e-9 * length * length);
    });
  });
}

test("the window is symmetric and ends in zero", () => {
  const window = hann(9);
  assert.equal(window[0], 0);
  assert.equal(window[4], 1);
  window.forEach((value, at) => assert.ok(Math.abs(value - window[8 - at]) < 1e-15));
});
