import pytest

from speakersdk.errors import ConfigError
from speakersdk.runtime.compute_device import ComputeDevice
from speakersdk.runtime.options import SessionOptions
from speakersdk.runtime.session import import_onnxruntime


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "expected device cpu, cuda"),
        ({"device": "auto", "strict": True}, "named device"),
        ({"num_threads": 0}, "num_threads >= 1, got 0"),
        ({"precision": "fp8"}, "expected precision fp32, tf32, fp16, got 'fp8'"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SessionOptions(**options)


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
