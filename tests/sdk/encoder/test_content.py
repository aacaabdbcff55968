import json
import random
from pathlib import Path

import pytest

from speakersdk.encoder.content import CONTENT_SHA256, check_content, stamped
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ManifestError, ModelError

MODELS = Path(__file__).parents[2] / "data" / "models"
STATEFUL = (MODELS / "stateful.onnx").read_bytes()


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 1 << 14
    size = [len(content)] if len(content) < 128 else [len(content) & 127 | 128, len(content) >> 7]
    return bytes([number << 3 | 2, *size]) + content


# Any place of the file: weights, graph, manifest, calibration, and the checksum itself.
def test_300_flipped_bits_are_all_refused(default_model: Path) -> None:
    content = default_model.read_bytes()
    rng = random.Random(1)
    damaged = bytearray(content)
    for bit in rng.sample(range(8 * len(content)), 300):
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ManifestError):
            check_content(damaged)
        damaged[bit // 8] ^= 1 << bit % 8
    assert check_content(damaged)


def test_each_flipped_bit_of_the_checksum_property_is_refused(tmp_path: Path) -> None:
    first = STATEFUL.index(CONTENT_SHA256.encode()) - 6
    path = tmp_path / "damaged.onnx"
    for bit in range(8 * first, 8 * len(STATEFUL)):
        damaged = bytearray(STATEFUL)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(ManifestError):
            load_encoder(path)


@pytest.mark.parametrize("num_bytes", [0, 1, 100, len(STATEFUL) // 2, len(STATEFUL) - 1])
def test_truncated_files_are_refused(num_bytes: int, tmp_path: Path) -> None:
    path = tmp_path / "short.onnx"
    path.write_bytes(STATEFUL[:num_bytes])
    with pytest.raises(ModelError):
        load_encoder(path)


def test_a_file_without_checksum_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.onnx"
    path.write_bytes(STATEFUL.replace(CONTENT_SHA256.encode(), b"x" * len(CONTENT_SHA256)))
    assert not check_content(path.read_bytes())
    with pytest.raises(ManifestError, match=r"expected the property speakersdk\.content_sha256"):
        load_encoder(path)


def test_two_checksums_are_refused() -> None:
    entry = field(1, CONTENT_SHA256.encode()) + field(2, json.dumps("0" * 64).encode())
    with pytest.raises(ManifestError, match="expected one property"):
        check_content(STATEFUL + field(14, entry))


def test_a_new_stamp_replaces_the_old_one() -> None:
    assert stamped(STATEFUL) == STATEFUL
    assert check_content(stamped(STATEFUL + field(2, b"another producer")))


# Places where a model may contain a tensor: weights, constants, and graphs inside nodes.
@pytest.mark.parametrize(
    "path",
    [
        (7, 5),  # model.graph.initializer
        (7, 15, 1),  # ... sparse_initializer.values
        (7, 1, 5, 5),  # ... node.attribute.t
        (7, 1, 5, 10),  # ... tensors
        (7, 1, 5, 6, 5),  # ... g.initializer
        (25, 7, 5, 5),  # model.functions.node.attribute.t
    ],
)
def test_weights_in_another_file_are_refused(path: tuple[int, ...]) -> None:
    external = bytes([14 << 3, 1])  # data_location: EXTERNAL
    for number in reversed(path):
        external = (
            field(number, external)
            if number < 16
            else bytes([number << 3 & 127 | 2 | 128, number >> 4, len(external)]) + external
        )
    with pytest.raises(ManifestError, match="in another file"):
        check_content(stamped(STATEFUL + external))


def test_random_bytes_are_not_a_model() -> None:
    rng = random.Random(2)
    for length in range(1, 400):
        content = b"\x3a" + rng.randbytes(length)
        try:
            assert not check_content(content)
        except ManifestError:
            continue
