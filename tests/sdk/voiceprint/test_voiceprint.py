"""Voiceprints and the bytes that store them."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakersdk.errors import IncompatibleModelError, VoiceprintError
from speakersdk.voiceprint.file import MAGIC
from speakersdk.voiceprint.voiceprint import (
    ADAPTED_SHARE,
    MAXIMUM_ADAPTED,
    Voiceprint,
)
from tests.sdk.example_voiceprints import example_voiceprint


@dataclasses.dataclass(frozen=True)
class Model:
    """The model of `make_voiceprint`."""

    name: str = "tdnn-test"
    weights_sha256: str = "ab" * 32
    embedding_dim: int = 3
    temperature: float = 5.0


NAMES = st.text(st.characters(categories=["Ll", "Lu", "Lo", "Nd"]), min_size=1, max_size=30)


def make_voiceprint(**changes: Any) -> Voiceprint:
    """Make a voiceprint of two recordings."""
    fields = {
        "temperature": 5.0,
        "exemplars": np.array([[3.0, 4.0, 0.0], [0.0, 3.0, 4.0]]),
        "speech_s": np.array([2.5, 3.25]),
    }
    return example_voiceprint(**{**fields, **changes})


def with_header(voiceprint: Voiceprint, **changes: Any) -> bytes:
    """Return bytes with a correct checksum and another header."""
    data = voiceprint.to_bytes()
    _, _, header_bytes = struct.unpack_from("<8sII", data)
    header = {**json.loads(data[16 : 16 + header_bytes]), **changes}
    encoded = json.dumps({key: value for key, value in header.items() if value != "absent"})
    return sealed(encoded.encode(), data[16 + header_bytes : -32])


def sealed(header: bytes, exemplars: bytes = b"", version: int = 1) -> bytes:
    body = struct.pack("<8sII", MAGIC, version, len(header)) + header + exemplars
    return body + hashlib.sha256(body).digest()


@st.composite
def voiceprints(draw: st.DrawFn) -> Voiceprint:
    num_exemplars = draw(st.integers(1, 5))
    embedding_dim = draw(st.integers(2, 64))
    temperature = draw(st.floats(0.5, 64))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    exemplars = rng.standard_normal((num_exemplars, embedding_dim)) + 0.1
    exemplars *= temperature / np.linalg.norm(exemplars, axis=1, keepdims=True)
    speech_s = draw(st.lists(st.floats(0, 1e6), min_size=num_exemplars, max_size=num_exemplars))
    return make_voiceprint(
        name=draw(NAMES),
        model_name=draw(NAMES),
        temperature=temperature,
        exemplars=exemplars,
        speech_s=speech_s,
    )


@given(voiceprints())
def test_bytes_round_trip(voiceprint: Voiceprint) -> None:
    data = voiceprint.to_bytes()
    again = Voiceprint.from_bytes(data)
    assert again == voiceprint
    assert hash(again) == hash(voiceprint)
    assert again.to_bytes() == data
    assert np.array_equal(again.exemplars, voiceprint.exemplars)
    assert np.array_equal(again.speech_s, voiceprint.speech_s)


def test_embedding_is_the_mean_at_length_t() -> None:
    embedding = make_voiceprint().embedding
    assert embedding.dtype == np.float32
    direction = np.array([3.0, 7.0, 4.0])
    # One rounding to float32.
    assert np.allclose(embedding, 5 * direction / np.linalg.norm(direction), rtol=2**-23)


def test_adapted_exemplars_weigh_little_and_are_taken_back() -> None:
    enrolled = make_voiceprint()
    probe = np.array([0.0, 0.0, 5.0], np.float32)
    voiceprint = enrolled
    for count in range(1, MAXIMUM_ADAPTED + 4):
        voiceprint = voiceprint.adapted_by(probe, speech_s=float(count))
        kept = min(count, MAXIMUM_ADAPTED)
        share = min(ADAPTED_SHARE, kept / (kept + 2))
        mean = (1 - share) * enrolled.exemplars.mean(axis=0) + share * probe
        assert np.allclose(voiceprint.embedding, 5 * mean / np.linalg.norm(mean), rtol=1e-6)
        assert Voiceprint.from_bytes(voiceprint.to_bytes()) == voiceprint
    # The newest are kept, and only enrolled speech counts as such.
    assert voiceprint.adapted_speech_s.tolist() == list(range(4, MAXIMUM_ADAPTED + 4))
    assert voiceprint.total_speech_s == enrolled.total_speech_s
    assert voiceprint.reverted() == enrolled
    assert voiceprint.reverted().to_bytes() == enrolled.to_bytes()


def test_a_version_and_its_header_belong_together() -> None:
    data = make_voiceprint().adapted_by(np.array([0.0, 0.0, 5.0]), speech_s=1.0).to_bytes()
    _, version, header_bytes = struct.unpack_from("<8sII", data)
    assert version == 2
    header, rows = data[16 : 16 + header_bytes], data[16 + header_bytes : -32]
    assert Voiceprint.from_bytes(sealed(header, rows, version=2)).adapted.shape == (1, 3)
    for other in (sealed(header, rows, version=1), sealed(b"{}", version=2)):
        with pytest.raises(VoiceprintError, match="expected a header with the keys"):
            Voiceprint.from_bytes(other)
    many = make_voiceprint()
    with pytest.raises(ValueError, match="at most 8 adapted"):
        dataclasses.replace(
            many, adapted=np.tile(many.exemplars[0], (9, 1)), adapted_speech_s=np.ones(9)
        )


def test_arrays_are_read_only_copies() -> None:
    exemplars = np.array([[3.0, 4.0]], dtype=np.float32)
    voiceprint = make_voiceprint(exemplars=exemplars, speech_s=[1.0])
    exemplars[:] = 0
    assert voiceprint.exemplars.tolist() == [[3.0, 4.0]]
    with pytest.raises(ValueError, match="read-only"):
        voiceprint.exemplars[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        Voiceprint.from_bytes(voiceprint.to_bytes()).speech_s[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        voiceprint.embedding[0] = 1


def test_more_exemplars_are_appended() -> None:
    first = make_voiceprint()
    other = make_voiceprint(name="x", exemplars=[[0.0, 0.0, 5.0]], speech_s=[1.0])
    both = first.with_exemplars(other)
    assert both.exemplars.tolist() == [[3, 4, 0], [0, 3, 4], [0, 0, 5]]
    assert both.total_speech_s == 6.75
    assert (both.name, both.created_utc) == (first.name, first.created_utc)


def test_another_model_is_refused_naming_both() -> None:
    other = make_voiceprint(model_name="blstm-test", model_sha256="cd" * 32)
    with pytest.raises(IncompatibleModelError, match=r"tdnn-test \(abab.*blstm-test \(cdcd"):
        make_voiceprint().with_exemplars(other)
    # The hash counts, the name does not.
    make_voiceprint().check_made_by(Model(name="renamed"))


@pytest.mark.parametrize(
    "changes",
    [
        {"exemplars": np.zeros((0, 3)), "speech_s": []},
        {"exemplars": np.zeros(3)},
        {"exemplars": np.zeros((2, 3))},
        {"exemplars": np.full((2, 3), np.nan)},
        {"exemplars": [[3, 4, 0], [-3, -4, 0]]},
        {"exemplars": [[3, 4, 0], [30, 40, 0]]},
        {"speech_s": [1.0]},
        {"speech_s": [1.0, np.nan]},
        {"speech_s": [1.0, -1.0]},
        {"temperature": 0.0},
        {"temperature": np.inf},
        {"model_name": "red\x1b[31m"},
        {"created_utc": "yesterday"},
        {"created_utc": "2026-11-22T14:00:00"},
        {"created_utc": "2026-11-22T14:00:00+01:00"},
    ],
)
def test_impossible_values_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected|Invalid isoformat"):
        make_voiceprint(**changes)


def test_every_flipped_byte_is_noticed() -> None:
    data = make_voiceprint().to_bytes()
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0xFF
        with pytest.raises(VoiceprintError):
            Voiceprint.from_bytes(bytes(damaged))


@given(at=st.integers(0), bit=st.integers(0, 7))
def test_flipped_bits_are_noticed(at: int, bit: int) -> None:
    damaged = bytearray(make_voiceprint().to_bytes())
    damaged[at % len(damaged)] ^= 1 << bit
    with pytest.raises(VoiceprintError):
        Voiceprint.from_bytes(bytes(damaged))


def test_every_truncation_and_extension_is_noticed() -> None:
    data = make_voiceprint().to_bytes()
    for kept in range(len(data)):
        with pytest.raises(VoiceprintError):
            Voiceprint.from_bytes(data[:kept])
    with pytest.raises(VoiceprintError):
        Voiceprint.from_bytes(data + b"\0")


class Trap:
    """Unpickling this would create the file that it names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.path,)


def test_foreign_bytes_are_refused(tmp_path: Path) -> None:
    trap = tmp_path / "unpickled"
    foreign = [
        pickle.dumps(Trap(trap)),
        pickle.dumps(np.zeros(3)),
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b'{"name": "ann"}',
        b"\x89PNG\r\n\x1a\n",
        b"",
    ]
    for data in foreign:
        with pytest.raises(VoiceprintError, match="not a voiceprint"):
            Voiceprint.from_bytes(data)
    assert not trap.exists()


def test_an_unknown_version_says_what_to_do() -> None:
    with pytest.raises(VoiceprintError, match="version 3 or lower, got 4; install"):
        Voiceprint.from_bytes(sealed(b"{}", version=4))


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../../etc/passwd"},
        {"name": 5},
        {"name": "absent"},
        {"model_name": None},
        {"model_name": "\ud800"},
        {"temperature": "warm"},
        {"temperature": 10**400},
        {"temperature": float("nan")},
        {"speech_s": [10**400, 1]},
        {"speech_s": {}},
        {"num_exemplars": 3},
        {"num_exemplars": -1},
        {"num_exemplars": "2"},
        {"embedding_dim": 0},
        {"embedding_dim": 10**30},
        {"created_utc": 0},
        {"surprise": 1},
    ],
)
def test_a_true_checksum_does_not_excuse_wrong_content(changes: dict[str, Any]) -> None:
    with pytest.raises(VoiceprintError, match="content is not valid"):
        Voiceprint.from_bytes(with_header(make_voiceprint(), **changes))


@pytest.mark.parametrize("header", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_a_header_that_is_not_an_object_is_refused(header: bytes) -> None:
    with pytest.raises(VoiceprintError, match="header is not"):
        Voiceprint.from_bytes(sealed(header))


def test_save_and_load(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    make_voiceprint().save(path)
    assert Voiceprint.load(str(path)) == make_voiceprint()
    assert path.stat().st_mode & 0o777 == 0o600
    make_voiceprint(temperature=5.001).save(path)
    assert Voiceprint.load(path).temperature == 5.001
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_save_leaves_nothing_behind(tmp_path: Path) -> None:
    # A folder in place of the file makes the last step, the rename, fail.
    path = tmp_path / "ann.voiceprint"
    (path / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        make_voiceprint().save(path)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        make_voiceprint().save(tmp_path / "no such folder" / "ann.voiceprint")


def test_load_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    path.write_bytes(make_voiceprint().to_bytes()[:-1])
    with pytest.raises(VoiceprintError, match=f"{path}: .*checksum"):
        Voiceprint.load(path)
    with pytest.raises(FileNotFoundError):
        Voiceprint.load(tmp_path / "missing.voiceprint")


def test_what_is_unpickled_or_copied_is_as_read_only_as_any() -> None:
    voiceprint = make_voiceprint().adapted_by(np.array([0.0, 0.0, 5.0]), speech_s=1.0)
    unpickled = pickle.loads(pickle.dumps(voiceprint))
    for again in (unpickled, copy.copy(voiceprint), copy.deepcopy(voiceprint)):
        assert again == voiceprint
        for values in (again.exemplars, again.speech_s, again.adapted, again.adapted_speech_s):
            with pytest.raises(ValueError, match="read-only"):
                values[0] = 1


def test_a_voiceprint_is_shown_without_its_embeddings() -> None:
    expected = "Voiceprint(name='ann', model='tdnn-test', recordings=2, speech_s=5.8)"
    voiceprint = make_voiceprint()
    assert repr(voiceprint) == str(voiceprint) == f"{voiceprint}" == expected


def test_the_claims_of_a_header_take_no_memory() -> None:
    claims: list[dict[str, Any]] = [
        {"num_exemplars": 2**31, "embedding_dim": 2**31},
        {"num_exemplars": 10**300},
        {"embedding_dim": [0] * 100},
        {"num_exemplars": True},
        {"embedding_dim": 3.0},
        {"speech_s": [[1.0] * 50] * 50},
        {"speech_s": ["2.5", "3.25"]},
        {"speech_s": [True, 1.0]},
        {"speech_s": [1e300, 1.0]},
        {"speech_s": "x" * 500},
        {"temperature": [5.0]},
        {"temperature": True},
        {"model_sha256": {"a": 1}},
        {"model_name": "x" * 1000},
        {"model_name": "red\u001b[31m"},
        {"model_name": "bob\ufe0f"},
        {"created_utc": ["2026-11-22T14:00:00+00:00"]},
    ]
    for changes in claims:
        data = with_header(make_voiceprint(), **changes)
        tracemalloc.start()
        with pytest.raises(VoiceprintError, match="content is not valid") as caught:
            Voiceprint.from_bytes(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 200_000 + 20 * len(data)
        assert str(caught.value).isprintable()


def test_a_signalling_nan_is_refused_without_a_warning() -> None:
    data = make_voiceprint().to_bytes()
    (header_bytes,) = struct.unpack_from("<I", data, 12)
    rows = bytearray(data[16 + header_bytes : -32])
    rows[:4] = struct.pack("<I", 0x7F800001)
    with pytest.raises(VoiceprintError, match="content is not valid: expected finite"):
        Voiceprint.from_bytes(sealed(data[16 : 16 + header_bytes], bytes(rows)))


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.voiceprint"
    with path.open("wb") as file:
        file.write(make_voiceprint().to_bytes())
        file.truncate(10**10)  # sparse
    tracemalloc.start()
    with pytest.raises(VoiceprintError, match="at most 67108864 bytes"):
        Voiceprint.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_size_and_length_must_be_the_models() -> None:
    voiceprint = make_voiceprint()
    voiceprint.check_made_by(Model())
    with pytest.raises(IncompatibleModelError, match=r"D 3, T 5\).*D 4, T 5\)"):
        voiceprint.check_made_by(Model(embedding_dim=4))
    with pytest.raises(IncompatibleModelError, match=r"D 3, T 5\).*D 3, T 6\)"):
        voiceprint.check_made_by(Model(temperature=6.0))


def test_a_new_file_replaces_none(tmp_path: Path) -> None:
    path = tmp_path / "ann.voiceprint"
    make_voiceprint().save(path, is_new=True)
    with pytest.raises(FileExistsError):
        make_voiceprint(name="bob").save(path, is_new=True)
    assert Voiceprint.load(path).name == "ann"
