"""Runs a fuzz target: with atheris where it is installed, else on changed seeds.

python tests/fuzz/fuzz_bindings.py -max_total_time=60     atheris (libFuzzer's options)
python tests/fuzz/fuzz_bindings.py -runs=1000000 FOLDER   keeps inputs that reach new code
python tests/fuzz/fuzz_bindings.py --mutations 20000      without: as under a sanitizer
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType

# A longer run is a finding; the limit of libFuzzer is 20 minutes.
HANG_S = 60


def fuzz(target: Callable[[bytes], None], seeds: Sequence[bytes]) -> None:
    """Call `target` with many inputs; an exception or a crash is a finding."""
    if not __debug__:
        raise SystemExit("expected Python without -O, which drops the assertions of the targets")
    seeds = [*seeds, *kept_inputs()]
    if "--mutations" in sys.argv:
        mutate(target, seeds, int(sys.argv[sys.argv.index("--mutations") + 1]))
        return
    import atheris

    with tempfile.TemporaryDirectory(prefix="speakersdk-corpus-") as corpus:
        for number, seed in enumerate(seeds):
            (Path(corpus) / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], f"-timeout={HANG_S}", *sys.argv[1:], corpus], target)
        for function in _functions_under_test():
            atheris.instrument_func(function)
        atheris.Fuzz()


def _functions_under_test() -> list[FunctionType]:
    """Return the loaded functions of speakersdk and of the target.

    Others make a run ten times slower.
    """
    return [
        each
        for each in gc.get_objects()
        if isinstance(each, FunctionType)
        and (each.__module__ or "").partition(".")[0] in ("speakersdk", "__main__")
    ]


def kept_inputs() -> list[bytes]:
    """Return inputs that reached new code in long runs, from ``corpora/<name>/*.bin``."""
    folder = Path(__file__).parent / "corpora" / Path(sys.argv[0]).stem.removeprefix("fuzz_")
    return [path.read_bytes() for path in sorted(folder.glob("*.bin"))]


def mutate(target: Callable[[bytes], None], seeds: Sequence[bytes], num: int) -> None:
    """Yield seeds with bytes changed, cut and added, the same ones in every run."""
    chance = random.Random(0)
    for seed in seeds:
        target(seed)
    for _ in range(num):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            position = chance.randrange(len(data) + 1)
            data[position : position + chance.randint(0, 2)] = chance.randbytes(
                chance.randint(0, 3)
            )
        try:
            target(bytes(data))
        except BaseException:
            print(f"input: {bytes(data)!r}", file=sys.stderr)
            raise
    print(f"{num} inputs")
