// Reading and writing voiceprint files, and files that are refused.
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ConfigError,
  ExpiredVoiceprintError,
  IncompatibleModelError,
  Voiceprint,
  VoiceprintError,
} from "../dist/index.js";
import { bytesOf, dataOf, recordingOf, verifierAt, voiceprintOf } from "./reference.mjs";

for (const name of ["slt", "kal16", "adapted", "lived"]) {
  test(`${name}.voiceprint is written again byte for byte`, async () => {
    assert.deepEqual(await (await voiceprintOf(name)).toBytes(), bytesOf(`${name}.voiceprint`));
  });
}

for (const version of [1, 2, 3]) {
  test(`a released file of version ${version} is read, and written again byte for byte`, async () => {
    const bytes = dataOf(`compat/voiceprint-v${version}.voiceprint`);
    assert.deepEqual(await (await Voiceprint.fromBytes(bytes)).toBytes(), bytes);
  });
}

test("an adapted exemplar moves the embedding, and does not count as enrolled speech", async () => {
  const [plain, adapted] = [await voiceprintOf("slt"), await voiceprintOf("adapted")];
  assert.equal(adapted.adapted.length, 1);
  assert.equal(adapted.totalSpeechS, plain.totalSpeechS);
  assert.notDeepEqual(adapted.embedding, plain.embedding);
});

test("damaged and foreign files are refused", async () => {
  const good = bytesOf("slt.voiceprint");
  const changed = (at, value) => Uint8Array.from(good, (byte, index) => (index === at ? value : byte));
  const cases = [
    [changed(0, 0x7f), /not a voiceprint/],
    [new Uint8Array(0), /not a voiceprint/],
    [changed(4, 0x53), /a plain voiceprint, got a sealed file/],
    [good.slice(0, 20), /truncated/],
    [good.slice(0, -1), /checksum/],
    [changed(good.length - 40, good.at(-40) ^ 1), /checksum/],
    [changed(8, 9), /version 3 or lower, got 9/],
    [changed(15, 0x7f), /header ends after the file/],
  ];
  for (const [bytes, message] of cases) {
    await assert.rejects(Voiceprint.fromBytes(bytes), (error) => {
      assert.ok(error instanceof VoiceprintError);
      assert.match(error.message, message);
      return true;
    });
  }
});

test("values out of range are refused", async () => {
  const { name, modelName, modelSha256, temperature, exemplars, speechS, createdUtc } =
    await voiceprintOf("slt");
  const values = { name, modelName, modelSha256, temperature, exemplars, speechS, createdUtc };
  const with_ = (change) => () => new Voiceprint({ ...values, ...change });
  new Voiceprint(values);
  assert.throws(with_({ createdUtc: "2026-11-28T10:00:00+01:00" }), VoiceprintError);
  assert.throws(with_({ speechS: [1] }), VoiceprintError);
  assert.throws(with_({ exemplars: [], speechS: [] }), VoiceprintError);
  assert.throws(with_({ exemplars: exemplars.map((row) => row.map((x) => 2 * x)) }), VoiceprintError);
  assert.throws(with_({ modelName: "a\u200bb" }), VoiceprintError);
  for (const bad of ["", " ana", "ana.", "a/b", "a\u202eb", "x".repeat(201), "-ana"]) {
    assert.throws(with_({ name: bad }), ConfigError, bad);
  }
  for (const good of ["Ana", "Zoë O'Neill", "李雷", "user+1@home_2-b"]) {
    assert.equal(new Voiceprint({ ...values, name: good }).name, good.normalize("NFC"));
  }
});

test("a voiceprint of another model is refused", async () => {
  const verifier = await verifierAt(null);
  const { exemplars, speechS, createdUtc, temperature } = await voiceprintOf("slt");
  const other = new Voiceprint({
    name: "slt", modelName: "other", modelSha256: "0".repeat(64), temperature, exemplars, speechS,
    createdUtc,
  });
  await assert.rejects(verifier.verify(other, recordingOf("slt-probe")), IncompatibleModelError);
});

test("an expired voiceprint is refused, also by a clock that was set back", async () => {
  const verifier = await verifierAt(null);
  const lived = await voiceprintOf("lived");
  assert.equal(lived.consent.textId, "notice-3");
  assert.deepEqual(lived.history.map((change) => change.kind), ["adapted", "reverted"]);
  await verifier.verify(lived, recordingOf("slt-probe"));
  const ended = (expiresUtc, atUtc) =>
    new Voiceprint({ ...lived, expiresUtc, history: [{ kind: "reverted", atUtc, speechS: 1 }] });
  for (const voiceprint of [
    ended("2020-01-01T00:00:00+00:00", lived.createdUtc),
    ended("2999-01-01T00:00:00+00:00", "2999-06-01T00:00:00+00:00"),
  ]) {
    await assert.rejects(
      verifier.verify(voiceprint, recordingOf("slt-probe")),
      ExpiredVoiceprintError,
    );
  }
  assert.throws(() => ended("soon", lived.createdUtc), VoiceprintError);
});
