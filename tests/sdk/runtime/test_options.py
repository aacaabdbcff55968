import os

import pytest

from speakersdk.errors import ConfigError
from speakersdk.runtime.options import ComputeDevice, SessionOptions, candidates
from speakersdk.runtime.session import import_onnxruntime


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "expected device cpu, cuda"),
        ({"device": "auto", "strict": True}, "named device"),
        ({"num_threads": 0}, "num_threads from 1 to .*, the number of processors, got 0"),
        ({"num_threads": -1}, "num_threads from 1 to"),
        ({"num_threads": 10**6}, "num_threads from 1 to .*, got 1000000"),
        ({"num_threads": 10**30}, "num_threads from 1 to"),
        ({"num_threads": 1.5}, "num_threads from 1 to .*, got 1.5"),
        ({"num_threads": float("nan")}, "num_threads from 1 to"),
        ({"num_threads": "2"}, "num_threads from 1 to .*, got '2'"),
        ({"num_threads": True}, "num_threads from 1 to .*, got True"),
        ({"num_threads": None}, "num_threads from 1 to"),
        ({"precision": "fp8"}, "expected precision fp32, tf32, fp16, got 'fp8'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SessionOptions(**options)


def test_every_processor_may_have_a_thread() -> None:
    most = os.cpu_count() or 1
    assert SessionOptions(num_threads=most).num_threads == most
    with pytest.raises(ConfigError, match=f"num_threads from 1 to {most},"):
        SessionOptions(num_threads=most + 1)


def test_named_devices_are_strict_by_default() -> None:
    assert SessionOptions(device="cuda").is_strict
    assert not SessionOptions(device="cuda", strict=False).is_strict
    assert not SessionOptions(device="auto").is_strict


def test_a_stand_in_is_at_least_as_precise() -> None:
    options = SessionOptions(device="tensorrt", strict=False, precision="fp16")
    assert options.on(ComputeDevice("tensorrt")) is options
    assert options.on(ComputeDevice("cuda")).precision == "fp32"
    with pytest.raises(ConfigError, match="expected precision"):
        SessionOptions(device="cuda", precision="fp16").on(ComputeDevice("cuda"))


def test_a_listener_does_not_spin() -> None:
    native = SessionOptions(num_threads=2).native(import_onnxruntime())
    assert (native.intra_op_num_threads, native.inter_op_num_threads) == (2, 1)
    assert native.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def names(device: str, *, strict: bool | None = None) -> list[str]:
    return [candidate.name for candidate in candidates(device, strict=strict)]


@pytest.mark.parametrize("strict", [None, True])
def test_a_named_device_is_the_only_one(strict: bool | None) -> None:
    assert names("cpu", strict=strict) == ["cpu"]
    assert names("cuda", strict=strict) == ["cuda:0"]
    assert names("cuda:12", strict=strict) == ["cuda:12"]
    assert names("tensorrt:1", strict=strict) == ["tensorrt:1"]


def test_without_strict_the_next_best_may_stand_in() -> None:
    assert names("tensorrt:1", strict=False) == ["tensorrt:1", "cuda:1", "cpu"]
    assert names("cuda", strict=False) == ["cuda:0", "cpu"]
    assert names("cpu", strict=False) == ["cpu"]


def test_auto_prefers_the_gpu_and_never_builds_an_engine_unasked() -> None:
    assert names("auto") == names("auto", strict=False) == ["cuda:0", "cpu"]


def test_auto_cannot_be_strict() -> None:
    with pytest.raises(ConfigError, match="named device"):
        candidates("auto", strict=True)


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cuda:", "CPU", "cpu:0", "auto:0", "", "trt"])
def test_an_unknown_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=r"cpu, cuda, cuda:N, tensorrt, tensorrt:N or auto"):
        candidates(device, strict=None)


def test_providers_stand_in_the_order_of_preference() -> None:
    assert [device.provider for device in ComputeDevice("tensorrt", 2).chain] == [
        "TensorrtExecutionProvider",
        "CUDAExecutionProvider",
        "CPUExecutionProvider",
    ]


@pytest.mark.parametrize(
    ("kind", "supported"),
    [("cpu", {"fp32"}), ("cuda", {"fp32", "tf32"}), ("tensorrt", {"fp32", "tf32", "fp16"})],
)
def test_each_device_has_its_precisions(kind: str, supported: set[str]) -> None:
    device = ComputeDevice(kind)
    assert {name for name in ("fp32", "tf32", "fp16") if device.supports(name)} == supported
    for name in {"fp32", "tf32", "fp16"} - supported:
        with pytest.raises(ConfigError, match=f"expected precision fp32.* got '{name}'"):
            device.check_precision(name)
