#!/bin/sh
# The C++ tests under ThreadSanitizer; the C++ tests, the Python tests of the scorer and the fuzz
# targets under AddressSanitizer and UndefinedBehaviorSanitizer. Uses $PYTHON (default: python), which must have pybind11 and pytest,
# and the compiler $CXX (default: c++), which must be GCC.
set -eu
cd "$(dirname "$0")/../.."
python="$(command -v "${PYTHON:-python}")"

cmake --preset thread-sanitize
cmake --build --preset thread-sanitize
ctest --preset thread-sanitize

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
sanitized() { # FIRST_LINE ARGUMENTS...
  first_line="$1"
  shift
  LD_PRELOAD="$("$cxx" -print-file-name=libasan.so) $("$cxx" -print-file-name=libstdc++.so)" \
  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
  "$python" -c "
import sys
from importlib.util import module_from_spec, spec_from_file_location

spec = spec_from_file_location('speakersdk._native', sys.argv.pop(1))
sys.modules[spec.name] = module = module_from_spec(spec)
spec.loader.exec_module(module)

$first_line
" "build/sanitize/_native$suffix" "$@"
}

sanitized 'import pytest; sys.exit(pytest.main(sys.argv[1:]))' \
  tests/sdk/test_scoring.py tests/sdk/gallery/test_gallery.py tests/sdk/gallery/test_rows.py \
  tests/sdk/gallery/test_entries.py tests/sdk/calibration/test_cohort.py tests/native/test_native.py \
  --deselect tests/native/test_native.py::test_the_stub_matches_the_module \
  -p no:cacheprovider --capture=sys --quiet

# The target is the first argument, as if Python had been given the script.
for target in bindings gallery_file; do
  sanitized 'import runpy; sys.argv.pop(0); sys.path.insert(0, "tests/fuzz"); runpy.run_path(sys.argv[0], run_name="__main__")' \
    "tests/fuzz/fuzz_$target.py" --mutations 5000
done
