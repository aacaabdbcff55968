// The band powers of a long enrollment, of which only the last are kept.
import assert from "node:assert/strict";
import { test } from "node:test";

import { SpectralTrack } from "../dist/enrollment/repetition.js";

const RATE_HZ = 16000;

test("only the last rows may be kept", () => {
  const all = new SpectralTrack(RATE_HZ);
  const last = new SpectralTrack(RATE_HZ, 1);
  for (let hop = 0; hop < 50; hop += 1) {
    const samples = Float32Array.from({ length: 1600 }, (_, at) => Math.sin((hop * 1600 + at) ** 1.5));
    all.push(samples);
    last.push(samples);
    assert.ok(last.rows.length <= 200);
  }
  assert.equal(all.numRows, all.rows.length);
  assert.equal(last.numRows, all.numRows);
  assert.ok(last.rows.length >= 100);
  assert.deepEqual(last.rows, all.rows.slice(-last.rows.length));
});
