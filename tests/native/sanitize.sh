#!/bin/sh
# The C++ tests and the Python tests of the scorer under AddressSanitizer and
# UndefinedBehaviorSanitizer. Uses $PYTHON (default: python), which must have pybind11 and pytest,
# and the compiler $CXX (default: c++), which must be GCC.
set -eu
cd "$(dirname "$0")/../.."
python="$(command -v "${PYTHON:-python}")"

cmake --preset sanitize -DPython_EXECUTABLE="$python" \
  -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)"
cmake --build --preset sanitize
ctest --preset sanitize

# The sanitizer must be loaded before Python, and libstdc++ with it so that it can intercept
# exceptions. Python itself leaks at exit: no leak check. The sanitized module takes the place of
# the installed one before anything imports it. The stub test runs mypy, not the kernels.
# --capture=sys: a report of the sanitizer goes to the terminal.
suffix="$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')"
cxx="${CXX:-c++}"
LD_PRELOAD="$("$cxx" -print-file-name=libasan.so) $("$cxx" -print-file-name=libstdc++.so)" \
ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
"$python" -c '
import sys
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location("speakersdk._native", sys.argv[1])
sys.modules[spec.name] = module = module_from_spec(spec)
spec.loader.exec_module(module)

import pytest

sys.exit(pytest.main(sys.argv[2:]))
' "build/sanitize/_native$suffix" tests/sdk/test_scoring.py tests/native/test_native.py \
  --deselect tests/native/test_native.py::test_the_stub_matches_the_module \
  -p no:cacheprovider --capture=sys --quiet
