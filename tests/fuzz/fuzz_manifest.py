"""Any metadata as a model's manifest, and any bytes as a model file: ManifestError or a manifest.

The first byte chooses: bytes of a model file, one property of an intact manifest replaced, or one
place of the whole manifest's text changed.
"""

from __future__ import annotations

import contextlib
import json

from fuzz_driver import fuzz

from speakersdk.encoder.content import check_content, stamped
from speakersdk.encoder.load import load_encoder
from speakersdk.encoder.manifest import ModelManifest
from speakersdk.errors import ManifestError
from speakersdk.models import default_model_path

INTACT = load_encoder(default_model_path()).manifest.to_metadata()
KEYS = sorted(INTACT)
# ir_version 9, a graph named g, and one property: the smallest model file.
MODEL = bytes.fromhex("0809 3a03 12016772080a016b12032278 22".replace(" ", ""))


def target(data: bytes) -> None:
    """Read a manifest or a model file."""
    choice, rest = data[:1] or b"\0", data[1:]
    with contextlib.suppress(ManifestError):
        if choice < b"\x40":
            check_content(rest)
            check_content(stamped(rest))
            return
        metadata = dict(INTACT)
        key = KEYS[choice[0] % len(KEYS)]
        text = rest[4:].decode(errors="surrogateescape")
        if choice < b"\xa0":
            metadata[key] = text
        else:
            whole = metadata[key]
            at = int.from_bytes(rest[:3], "little") % (len(whole) + 1)
            cut = rest[3] % 16 if len(rest) > 3 else 0
            metadata[key] = whole[:at] + text + whole[at + cut :]
        manifest = ModelManifest.from_metadata(metadata)
        again = ModelManifest.from_metadata(manifest.to_metadata())
        assert again == manifest
        json.dumps(manifest.to_metadata())
        assert manifest.hop_samples > 0


def seeds() -> list[bytes]:
    """Return each property unchanged, and a small model file."""
    values = [bytes([0x40 + number]) + bytes(4) + INTACT[key].encode()[:4000]
              for number, key in enumerate(KEYS)]  # fmt: skip
    return [b"\0" + MODEL, b"\0", *values, b"\xa0" + bytes(4) + b"1", b"\xff\x10\0\0\1-"]


if __name__ == "__main__":
    fuzz(target, seeds())
