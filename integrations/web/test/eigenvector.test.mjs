// The principal eigenvector, compared with its definition.
import assert from "node:assert/strict";
import { test } from "node:test";

import { principalVector } from "../dist/decision/eigenvector.js";

for (const size of [2, 3, 17, 60]) {
  test(`of ${size} rows`, () => {
    const value = (row, column) => Math.sin(row * column + row + column) + (row === column ? row : 0);
    const rows = () => Array.from({ length: size }, (_, row) =>
      Float64Array.from({ length: size }, (_, column) => value(row, column)));
    const vector = principalVector(rows());
    const matrix = rows();
    const product = matrix.map((row) => row.reduce((sum, each, at) => sum + each * vector[at], 0));
    const eigenvalue = product.reduce((sum, each, at) => sum + each * vector[at], 0);
    product.forEach((each, at) => assert.ok(Math.abs(each - eigenvalue * vector[at]) < 1e-9));
    // No other direction has more.
    for (let trial = 0; trial < 50; trial += 1) {
      const other = vector.map((_, at) => Math.cos(trial * (at + 1)));
      const norm = other.reduce((sum, each) => sum + each * each, 0);
      const quotient = matrix.reduce((sum, row, at) =>
        sum + other[at] * row.reduce((part, each, to) => part + each * other[to], 0), 0) / norm;
      assert.ok(quotient <= eigenvalue + 1e-9);
    }
  });
}
