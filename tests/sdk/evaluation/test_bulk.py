import json
import multiprocessing
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speakersdk.arrays import Waveform
from speakersdk.encoder.interface import Encoding, SpeakerEncoder
from speakersdk.encoder.load import load_encoder
from speakersdk.errors import ConfigError, InferenceError, InvalidAudioError
from speakersdk.evaluation import bulk as bulk_embedding
from speakersdk.evaluation.bulk import (
    ChunkResult,
    EmbeddingJob,
    embed_recordings,
)
from speakersdk.evaluation.embedding_table import read_embeddings
from speakersdk.evaluation.parts import Parts
from speakersdk.evaluation.segments import Segment, read_recordings
from speakersdk.sealing import SealingKey
from speakersdk.verifier import Verifier


@pytest.fixture
def job(default_model: Path, demo_clips: Path) -> EmbeddingJob:
    return EmbeddingJob(model=default_model, root=demo_clips)


@pytest.fixture
def recordings(demo_clips: Path, tmp_path: Path) -> list[Segment]:
    """Six clips from a list, in the order of the list."""
    path = tmp_path / "list.txt"
    names = sorted((path.name for path in demo_clips.glob("*.flac")), reverse=True)[:6]
    path.write_text("".join(f"{name.removesuffix('.flac')} {name}\n" for name in names))
    return read_recordings(path)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_embedding, "_CHUNK", 2)


def test_embeddings_are_those_of_the_verifier(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path, demo_clips: Path
) -> None:
    output = tmp_path / "out.npz"
    seen: list[tuple[int, int, int]] = []
    table, failures = embed_recordings(
        recordings, output, job, progress=lambda *counts: seen.append(counts)
    )
    assert failures == []
    assert table.names == tuple(recording.name for recording in recordings)
    assert seen == [(2, 0, 6), (4, 0, 6), (6, 0, 6)]
    verifier = Verifier(job.model)
    for name, embedding in zip(table.names, table.embeddings, strict=True):
        np.testing.assert_array_equal(embedding, verifier.embed(demo_clips / f"{name}.flac"))
    assert read_embeddings(output).names == table.names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["list.txt", "out.npz"]


def test_an_interrupted_run_continues(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.npz"
    embedded: list[str] = []
    embed_chunk = bulk_embedding.embed_chunk

    def counted(chunk: list[Segment], job: EmbeddingJob) -> ChunkResult:
        if len(embedded) == 4:
            raise KeyboardInterrupt
        embedded.extend(recording.name for recording in chunk)
        return embed_chunk(chunk, job)

    monkeypatch.setattr(bulk_embedding, "embed_chunk", counted)
    with pytest.raises(KeyboardInterrupt):
        embed_recordings(recordings, output, job)
    assert not output.exists()
    assert len(list((tmp_path / "out.npz.parts").iterdir())) == 2

    embedded.clear()
    table, _ = embed_recordings(recordings, output, job)
    assert embedded == [recording.name for recording in recordings[4:]]
    assert table.names == tuple(recording.name for recording in recordings)
    assert not (tmp_path / "out.npz.parts").exists()


@pytest.mark.parametrize("is_sealed", [False, True])
def test_the_next_run_deletes_the_parts_of_a_run_that_was_killed_at_its_end(
    recordings: list[Segment],
    job: EmbeddingJob,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_sealed: bool,
) -> None:
    """Between the writing of the output and the cleaning: the embeddings of people stayed."""
    key = SealingKey.from_bytes(bytes(range(32))) if is_sealed else None
    output = tmp_path / "out.npz"

    def killed(_: Parts) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            embed_recordings(recordings, output, job, key=key)
    left = tmp_path / "out.npz.parts"
    assert len(list(left.glob("*.npz"))) == 3
    with pytest.raises(ConfigError, match="expected no file"):
        embed_recordings(recordings, output, job, key=key)
    assert not left.exists()
    assert len(read_embeddings(output, key=key)) == 6


def test_a_file_that_changed_is_embedded_again(
    job: EmbeddingJob, tmp_path: Path, demo_clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, name in enumerate(("slt-probe", "rms-probe", "awb-probe")):
        (tmp_path / f"{number}.flac").write_bytes((demo_clips / f"{name}.flac").read_bytes())
    (tmp_path / "list").write_text("0.flac\n1.flac\n2.flac\n")
    recordings = read_recordings(tmp_path / "list")
    here = EmbeddingJob(model=job.model, root=tmp_path)
    embed_chunk = bulk_embedding.embed_chunk

    def stopped(chunk: list[Segment], job: EmbeddingJob) -> ChunkResult:
        if len(chunk) == 1:
            raise KeyboardInterrupt
        return embed_chunk(chunk, job)

    monkeypatch.setattr(bulk_embedding, "embed_chunk", stopped)
    with pytest.raises(KeyboardInterrupt):
        embed_recordings(recordings, tmp_path / "out.npz", here)
    monkeypatch.setattr(bulk_embedding, "embed_chunk", embed_chunk)
    (tmp_path / "0.flac").write_bytes((demo_clips / "kal16-probe.flac").read_bytes())
    table, _ = embed_recordings(recordings, tmp_path / "out.npz", here)
    expected = Verifier(job.model).embed(demo_clips / "kal16-probe.flac")
    np.testing.assert_array_equal(table.embeddings[0], expected)


def test_files_that_change_or_appear_during_the_run_are_in_the_table(
    job: EmbeddingJob, tmp_path: Path, demo_clips: Path
) -> None:
    """They were embedded and then left out, with status 0."""
    contents = [(demo_clips / f"{name}-probe.flac").read_bytes() for name in ("slt", "rms", "awb")]
    for number in range(3):
        (tmp_path / f"{number}.flac").write_bytes(contents[0])
    (tmp_path / "list").write_text("".join(f"{number}.flac\n" for number in range(4)))
    recordings = read_recordings(tmp_path / "list")

    def change(done: int, failed: int, total: int) -> None:
        (tmp_path / "2.flac").write_bytes(contents[1])
        (tmp_path / "3.flac").write_bytes(contents[2])

    here = EmbeddingJob(model=job.model, root=tmp_path)
    table, failures = embed_recordings(recordings, tmp_path / "out.npz", here, progress=change)
    assert failures == []
    assert read_embeddings(tmp_path / "out.npz").names == table.names
    assert table.names == ("0.flac", "1.flac", "2.flac", "3.flac")
    verifier = Verifier(job.model)
    for row, name in ((1, "slt"), (2, "rms"), (3, "awb")):
        expected = verifier.embed(demo_clips / f"{name}-probe.flac")
        np.testing.assert_array_equal(table.embeddings[row], expected)


def test_a_bad_recording_stops_nothing(job: EmbeddingJob, tmp_path: Path, demo_clips: Path) -> None:
    import soundfile as sf

    sf.write(tmp_path / "silent.wav", np.zeros(32000), 16000)
    sf.write(tmp_path / "short.wav", np.zeros(1000), 16000)
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "good one.flac").write_bytes((demo_clips / "slt-probe.flac").read_bytes())
    path = tmp_path / "list"
    path.write_text("silent.wav\nshort.wav\ntext.wav\nabsent.wav\ngood good one.flac\n")
    here = EmbeddingJob(model=job.model, root=tmp_path, batch=8)
    table, failures = embed_recordings(read_recordings(path), tmp_path / "out.npz", here)
    assert table.names == ("good",)
    reasons = {failure.name: failure.reason for failure in failures}
    assert set(reasons) == {"silent.wav", "short.wav", "text.wav", "absent.wav"}
    assert "no speech" in reasons["silent.wav"]
    assert "at least 0.5 s" in reasons["short.wav"]
    assert "cannot read audio" in reasons["text.wav"]
    assert "No such file" in reasons["absent.wav"]


def test_processes_give_the_same_table(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path
) -> None:
    one, _ = embed_recordings(recordings, tmp_path / "one.npz", job)
    two, _ = embed_recordings(recordings, tmp_path / "two.npz", job, num_processes=2)
    assert two.names == one.names
    np.testing.assert_array_equal(two.embeddings, one.embeddings)


def test_a_process_that_dies_is_one_error_and_loses_no_part(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path
) -> None:
    def kill(*counts: int) -> None:
        for child in multiprocessing.active_children():
            child.kill()

    many = [
        Segment(f"{turn}{one.name}", "", one.pieces) for turn in range(10) for one in recordings
    ]
    output = tmp_path / "out.npz"
    with pytest.raises(InferenceError, match="a worker process died"):
        embed_recordings(many, output, job, num_processes=2, progress=kill)
    assert not output.exists()
    parts = len(list((tmp_path / "out.npz.parts").iterdir()))
    assert parts >= 1
    seen: list[tuple[int, int, int]] = []
    table, _ = embed_recordings(many, output, job, progress=lambda *now: seen.append(now))
    assert len(table) == 60
    assert len(seen) == 30 - parts  # chunks of two


def test_segments_are_recordings(job: EmbeddingJob, tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    piece = ["slt-probe.flac", 8000, 16000]
    rows = [{"segment": "a", "speaker": "slt", "pieces": [piece, ["rms-probe.flac", 0, 8000]]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table, _ = embed_recordings(read_recordings(path), tmp_path / "out.npz", job)
    assert table.duration_s.tolist() == [1.5]


def test_what_cannot_end_well_is_refused_at_once(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path, edit_model: object
) -> None:
    with pytest.raises(ConfigError, match=r"\.npz or \.parquet"):
        embed_recordings(recordings, tmp_path / "out.csv", job)
    (tmp_path / "out.npz").write_bytes(b"")
    with pytest.raises(ConfigError, match="got one; remove it"):
        embed_recordings(recordings, tmp_path / "out.npz", job)
    with pytest.raises(ConfigError, match="at least 1 process"):
        embed_recordings(recordings, tmp_path / "new.npz", job, num_processes=0)
    with pytest.raises(ConfigError, match="batch of at least 1"):
        EmbeddingJob(model=job.model, root=job.root, batch=0)
    (tmp_path / "list").write_text("absent.wav\n")
    with pytest.raises(InvalidAudioError, match=r"none among 1; the first: absent\.wav"):
        embed_recordings(read_recordings(tmp_path / "list"), tmp_path / "new.npz", job)
    assert not (tmp_path / "new.npz.parts").exists()


def test_parts_of_another_model_are_refused(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path, edit_model: object
) -> None:
    other = edit_model(weights_sha256="ab" * 32)  # type: ignore[operator]
    assert load_encoder(other).manifest.weights_sha256 == "ab" * 32
    output = tmp_path / "out.npz"
    embed_recordings(recordings[:2], output, EmbeddingJob(model=other, root=job.root))
    parts = tmp_path / "out.npz.parts"
    parts.mkdir()
    output.rename(parts / "000000.npz")
    with pytest.raises(ConfigError, match="parts of model"):
        embed_recordings(recordings, output, job)


@pytest.fixture
def bad_items(demo_clips: Path, tmp_path: Path) -> list[str]:
    """Files that cannot be read, each for another reason, and a good one at the end."""
    good = demo_clips / "slt-probe.flac"
    samples, rate_hz = sf.read(good, dtype="int16")
    for name, rate in (("slow.wav", 100), ("fast.wav", 2_000_000)):
        sf.write(tmp_path / name, samples, rate)
    sf.write(tmp_path / "cut.wav", samples, rate_hz)
    whole = (tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "header.wav").write_bytes(whole[:40])
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "dangling.wav").symlink_to("nowhere")
    sf.write(tmp_path / "quiet.wav", np.zeros(32000), 16000)
    sf.write(tmp_path / "nan.wav", np.full(32000, np.nan), 16000, subtype="FLOAT")
    sf.write(tmp_path / "short.wav", samples[:100], 16000)
    (tmp_path / "good.flac").write_bytes(good.read_bytes())
    names = sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".wav")
    return [*names, "absent.wav", "x" * 300, "good.flac"]


@pytest.mark.parametrize(("num_processes", "batch"), [(1, 1), (2, 1), (1, 4)])
def test_no_bad_recording_stops_the_others(
    bad_items: list[str], default_model: Path, tmp_path: Path, num_processes: int, batch: int
) -> None:
    path = tmp_path / "list"
    path.write_text("".join(f"{name}\n" for name in bad_items))
    table, failures = embed_recordings(
        read_recordings(path, tmp_path),
        tmp_path / "out.npz",
        EmbeddingJob(model=default_model, root=tmp_path, batch=batch),
        num_processes=num_processes,
    )
    assert table.names == ("good.flac",)
    assert sorted(failure.name for failure in failures) == sorted(bad_items[:-1])
    assert all(failure.reason for failure in failures)


def test_if_a_batch_fails_each_recording_is_tried_separately(
    recordings: list[Segment], job: EmbeddingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode_batch = bulk_embedding.encode_batch

    def too_much(encoder: SpeakerEncoder, waveforms: list[Waveform]) -> list[Encoding]:
        if len(waveforms) > 1:
            raise MemoryError
        return encode_batch(encoder, waveforms)

    monkeypatch.setattr(bulk_embedding, "encode_batch", too_much)
    together = EmbeddingJob(model=job.model, root=job.root, batch=2)
    table, failures = embed_recordings(recordings, tmp_path / "out.npz", together)
    assert table.names == tuple(one.name for one in recordings)
    assert failures == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such file names")
@pytest.mark.parametrize("suffix", ["npz", "parquet"])
def test_a_file_name_that_is_not_text_gives_a_file_that_can_be_read(
    default_model: Path, demo_clips: Path, tmp_path: Path, suffix: str
) -> None:
    """Its source could not be stored: .npz was unreadable, and Parquet an internal error."""
    if suffix == "parquet":
        pytest.importorskip("pyarrow")
    (tmp_path / "J\udcf6rg.flac").write_bytes((demo_clips / "slt-probe.flac").read_bytes())
    path = tmp_path / "list.jsonl"
    row = {"segment": "a", "speaker": "s", "pieces": [["J\udcf6rg.flac", 0, None]]}
    path.write_text(json.dumps(row))
    output = tmp_path / f"out.{suffix}"
    embed_recordings(
        read_recordings(path), output, EmbeddingJob(model=default_model, root=tmp_path)
    )
    (source,) = read_embeddings(output).sources
    assert source.startswith("J\\udcf6rg.flac 0+end ")
