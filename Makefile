# `make demo` and `make test` do all set-up themselves. `make help` lists the other targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PYTEST_ARGS ?=
# An active virtual environment is used as it is; without one, .venv is made here.
VENV := $(or $(VIRTUAL_ENV),.venv)
RUNTIME := $(VENV)/speakersdk-runtime.stamp
DEVELOPMENT := $(VENV)/speakersdk-development.stamp
LINTERS := $(VENV)/speakersdk-linters.stamp
DOCUMENTATION := $(VENV)/speakersdk-documentation.stamp
PACKAGING := $(VENV)/speakersdk-packaging.stamp
SHARING := $(VENV)/speakersdk-sharing.stamp
CXX_SOURCES := $(wildcard csrc/*.h csrc/*.cc csrc/*/*.h csrc/*/*.cc)
# What an editable install does not pick up by itself.
INSTALL_INPUTS := pyproject.toml constraints.txt CMakeLists.txt $(CXX_SOURCES)
INSTALL := $(VENV)/bin/python -m pip install -qq --constraint constraints.txt
export PATH := $(abspath $(VENV))/bin:$(PATH)
export VIRTUAL_ENV := $(abspath $(VENV))
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: demo
demo: $(RUNTIME)  ## show accept and reject on the bundled model and clips
	@speakersdk demo

.PHONY: test
test: $(DEVELOPMENT)  ## run the tests (PYTEST_ARGS="-k voiceprint" runs some)
	@pytest $(PYTEST_ARGS)

.PHONY: lint
lint: $(LINTERS)  ## check style, format and spelling
	ruff check
	ruff format --check
	clang-format --dry-run -Werror $(CXX_SOURCES)
	hadolint integrations/Dockerfile
	codespell

.PHONY: types
types: $(LINTERS)  ## check types, the stub of the compiled module, and who imports whom
	mypy
	python -m mypy.stubtest speakersdk._native
	lint-imports --no-logo

# npm's packages run no scripts here. PYTEST_ARGS as for `make test`.
.PHONY: web
web: $(DEVELOPMENT)  ## build the browser package and test it under Node.js and in Chromium
	npm --prefix integrations/web ci --ignore-scripts --no-audit --no-fund --silent
	npm --prefix integrations/web run build --silent
	@SPEAKERSDK_REQUIRE_WEB=1 pytest tests/integrations/web $(PYTEST_ARGS)

.PHONY: native
native: $(DEVELOPMENT)  ## run the C++ tests
	cmake --preset dev
	cmake --build --preset dev
	ctest --preset dev

.PHONY: aarch64
aarch64: $(DEVELOPMENT)  ## cross-compile the C++ tests for AArch64 and run them under qemu
	cmake --preset aarch64
	cmake --build --preset aarch64
	ctest --preset aarch64

# Not part of .ci/run: emulation is some 60 times slower.
.PHONY: aarch64-sdk
aarch64-sdk: $(DEVELOPMENT)  ## cross-compile the wheel for AArch64 and run the demonstration under qemu
	tests/aarch64/emulate

.PHONY: sanitize
sanitize: $(DEVELOPMENT)  ## run the tests of the kernels under the address, undefined-behaviour and thread sanitizers
	sh tests/native/sanitize.sh

# atheris, which ships for few Python versions, is installed here alone.
FUZZ_SECONDS ?= 6
.PHONY: fuzz
fuzz: $(DEVELOPMENT)  ## fuzz compiled functions and readers of files (FUZZ_SECONDS=600)
	@$(INSTALL) --group fuzz
	for target in bindings gallery_file voiceprint_file audio manifest calibration_profile \
	    embedding_file trial_list; do \
	  python tests/fuzz/fuzz_$$target.py -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1; done

MUTATION_ARGS ?=
# One thread each, because there is a process for each core.
.PHONY: mutation
mutation: $(DEVELOPMENT)  ## change scoring and decisions in one place at a time, and list what no test notices
	OPENBLAS_NUM_THREADS=1 python -m tests.mutation.run $(MUTATION_ARGS)

.PHONY: audit
audit: $(DEVELOPMENT)  ## look for insecure code and for known vulnerabilities of what is installed
	@$(INSTALL) --group audit
	@.ci/audit

# torch is not locked: its file differs between a machine with a GPU and one without. Listed instead is what it needs.
TORCH_NEEDS := filelock fsspec jinja2 networkx setuptools sympy typing-extensions
.PHONY: lock
lock: $(DEVELOPMENT)  ## write locked-requirements.txt: the newest versions that fit, with their hashes
	@$(INSTALL) --group lock
	echo 'torch; python_version < "3"' >$(VENV)/without-torch.txt
	python -c 'import tomllib; \
	  print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' >$(VENV)/locked.in
	printf '%s\n' $(TORCH_NEEDS) >>$(VENV)/locked.in
	uv pip compile --quiet --upgrade pyproject.toml $(VENV)/locked.in --extra training --extra export --group test \
	  --constraint constraints.txt --override $(VENV)/without-torch.txt --universal --python-version 3.11 \
	  --generate-hashes --no-annotate --custom-compile-command 'make lock' --output-file locked-requirements.txt

.PHONY: locked
locked:  ## make .venv from locked-requirements.txt; pip refuses a file with another hash
	@$(require-python)
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -qq --require-hashes --requirement locked-requirements.txt
	.venv/bin/python -m pip install -qq --constraint constraints.txt torch
	.venv/bin/python -m pip install -qq --no-deps --no-build-isolation --editable .
	touch $(RUNTIME) $(DEVELOPMENT)

SHARE := build/share
.PHONY: share
share: $(SHARING)  ## write the manual page and the completion of bash, zsh and fish to build/share
	python .ci/completion.py $(SHARE)
	mkdir -p $(SHARE)/man/man1
	argparse-manpage --module speakersdk.cli.commands --function build_parser --prog speakersdk \
	  --project-name speakersdk --description 'verify speakers on this device' --manual-title speakersdk \
	  --format single-commands-section --output $(SHARE)/man/man1/speakersdk.1
	sed -i "s/^[.'][a-z/]/\\\\\&&/" $(SHARE)/man/man1/speakersdk.1 # text at the start of a line is no macro
	sed -i -E '/^usage: /,/^$$/ { s/^usage: /.nf\n&/; s/^$$/.fi\n/ }' $(SHARE)/man/man1/speakersdk.1 # keep its lines

.PHONY: services
services: $(LINTERS)  ## test the HTTP, Wyoming and OpenVoiceOS packages of integrations/
	mkdir -p build/services
	.ci/serve build/services http wyoming ovos

# Not part of .ci/run: it needs Docker or podman, and takes up to ten minutes.
.PHONY: images
images: $(DEVELOPMENT)  ## build the container images of the services, and test them in containers
	.ci/images

.PHONY: wheel
wheel: $(PACKAGING)  ## build dist/*.tar.gz and, from it, dist/*.whl
	rm -rf dist
	python -m build

.PHONY: benchmarks
benchmarks: $(DEVELOPMENT)  ## run every benchmark and write benchmarks/results
	for benchmark in $$(python -m benchmarks); do python -m "$$benchmark" $(BENCHMARK_ARGS); done

.PHONY: docs
docs: $(DOCUMENTATION)  ## build the documentation as a site into build/site
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict # --quiet would hide the warnings from --strict
	@! grep -rE '<(script|link|img)[^>]*(src|href)="?https?:' build/site --include='*.html' \
	  || { echo 'expected a site that loads nothing from elsewhere, got the lines above' >&2; exit 1; }
	@echo "open build/site/index.html"

.PHONY: format
format: $(LINTERS)  ## format Python and C++ in place
	ruff check --fix
	ruff format
	clang-format -i $(CXX_SOURCES)

.PHONY: clean
clean:  ## remove the build products and .venv
	rm -rf .venv build dist

$(RUNTIME): $(INSTALL_INPUTS) | $(VENV)/bin/python
	@$(require-compiler)
	@echo "Installing the runtime into $(VENV) ..."
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --editable .
	@touch $@

$(DEVELOPMENT): $(INSTALL_INPUTS) | $(VENV)/bin/python
	@$(require-compiler)
	@echo "Installing the runtime, training, export and test tools into $(VENV) ..."
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --editable '.[training,export]' --group test
	@touch $(RUNTIME) $@

$(LINTERS): $(DEVELOPMENT)
	@echo "Installing the linters into $(VENV) ..."
	@$(INSTALL) --group lint
	@touch $@

# The site reads the sources without importing them: it needs neither the runtime nor a compiler.
$(DOCUMENTATION): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing what builds the documentation into $(VENV) ..."
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group docs
	@touch $@

$(SHARING): $(RUNTIME)
	@echo "Installing what writes the manual page into $(VENV) ..."
	@$(INSTALL) --group share
	@touch $@

# A wheel is built in an environment of its own, from the sources only.
$(PACKAGING): pyproject.toml constraints.txt | $(VENV)/bin/python
	@$(require-compiler)
	@echo "Installing what builds the wheel into $(VENV) ..."
	@$(INSTALL) 'pip>=25.1'
	@$(INSTALL) --group build
	@touch $@

$(VENV)/bin/python:
	@$(require-python)
	@$(PYTHON) -m venv .venv

define require-python
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || { echo 'speakersdk needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...' >&2; exit 1; }; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
  || { echo 'Python cannot make environments; run: sudo apt-get install python3-venv' >&2; exit 1; }
endef

define require-compiler
command -v "$${CXX:-c++}" >/dev/null \
  || { echo 'no C++ compiler found; run: sudo apt-get install g++' >&2; exit 1; }; \
python -c 'import sys, sysconfig; from pathlib import Path; \
  sys.exit(not Path(sysconfig.get_path("include"), "Python.h").is_file())' \
  || { echo 'no Python headers found; run: sudo apt-get install python3-dev' >&2; exit 1; }
endef
