# Everything a newcomer needs: `make up` runs it, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
BENCH_STAMP := $(VENV)/bench-installed
FUZZ_STAMP := $(VENV)/fuzz-installed
AUDIT := $(VENV)/audit
PIP_INSTALL = $(1)/python -m pip install --quiet --disable-pip-version-check
# Into an environment (1) what a lock file (2) names, by version and hash.
INSTALL_LOCKED = $(PIP_INSTALL) --require-hashes --requirement $(2)
# For every platform and each Python from 3.11 on, with hashes; the file names no index.
RESOLVE = uv pip compile --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-emit-index-url \
  --no-annotate --quiet

.PHONY: help install up test chaos chaos-long bench bench-quick fuzz lint imports check screenshots audit lock clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(STAMP) ## Make .venv and install the locked dependencies

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)
	$(call INSTALL_LOCKED,$(BIN),requirements.lock)
	$(call PIP_INSTALL,$(BIN)) --no-deps --no-build-isolation --editable .
	@touch $@

up: install ## Run everything in the foreground; Ctrl-C stops it
	@exec $(BIN)/ingest up

test: install ## Run the whole suite on real servers
	$(BIN)/python -m pytest

chaos: install ## Break everything on purpose, at full size (about 20 minutes), and print what it showed
	CHAOS=full $(BIN)/python -m pytest -q --numprocesses 0 tests/chaos

chaos-long: install ## Half an hour of pushes with a fault drawn by chance every 20 seconds
	CHAOS=long $(BIN)/python -m pytest -q --numprocesses 0 tests/chaos/test_soak.py

bench: $(BENCH_STAMP) ## Measure everything beside its peers into bench/results (about half an hour; needs wrk)
	$(BIN)/python -m bench

bench-quick: $(BENCH_STAMP) ## A first look in some two minutes, without the millions
	$(BIN)/python -m bench --quick

$(BENCH_STAMP): $(STAMP) bench/requirements.lock
	$(call INSTALL_LOCKED,$(BIN),bench/requirements.lock)
	@touch $@

fuzz: $(FUZZ_STAMP) ## Let atheris look for a body that decoding or normalising does not survive: a million tries (Linux)
	$(BIN)/python -m tests.fuzz

$(FUZZ_STAMP): $(STAMP) tests/fuzz/requirements.lock
	$(call INSTALL_LOCKED,$(BIN),tests/fuzz/requirements.lock)
	@touch $@

lint: install ## Lint and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

imports: install ## Print which folder imports from which, and whether there is a circle
	$(BIN)/python -m tests.imports

check: lint ## The same, the import rule and the sizes
	$(BIN)/python -m pytest -q tests/test_structure.py

screenshots: install ## Make the pictures of the console in docs/ anew, from simulated pushes (needs Debian's chromium)
	$(BIN)/python -m tests.console.screenshots

audit: $(AUDIT)/installed ## Look up known vulnerabilities of every locked package (needs the network)
	@for lock in requirements.lock bench/requirements.lock tests/fuzz/requirements.lock .ci/audit.lock; do \
	  $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off --requirement $$lock || { \
	    echo "$$lock is NOT cleared: see above what was found, or why nothing could be looked up" >&2; exit 1; }; \
	done

$(AUDIT)/installed: .ci/audit.lock
	$(PYTHON) -m venv $(AUDIT)
	$(call INSTALL_LOCKED,$(AUDIT)/bin,.ci/audit.lock)
	@touch $@

lock: ## Resolve the dependencies anew into requirements.lock (needs uv)
	$(RESOLVE) pyproject.toml --extra embedded --group dev --output-file requirements.lock
	$(RESOLVE) pyproject.toml --extra embedded --group dev --group bench \
	  --constraint requirements.lock --output-file bench/requirements.lock
	$(RESOLVE) --group audit --constraint requirements.lock --output-file .ci/audit.lock
	$(RESOLVE) --group fuzz --output-file tests/fuzz/requirements.lock

clean: ## Remove the virtual environment; the data under .data stays
	rm -rf $(VENV)
