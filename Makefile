# make run     the whole pipeline on the embedded digits
# make test    what the README promises, in minutes; make test-landing: what is dear to test
# make test-long       a month of retraining; each command of the Kubeflow package: whole runs
# make test-clusters   ingest to evaluation on Flink and Spark; brings their job servers first.
#                      make test-conformance is the part of it that asks for the same results
# make check   format, lint, types, architecture
# make lock    resolve requirements/*.lock anew from setup.py

.PHONY: run test test-landing test-long test-clusters test-conformance check format lock clean help
.DEFAULT_GOAL := help

PYTHON ?= python3.10
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/py310.lock
UV_VERSION := 0.13.9
# Without bytecode every process recompiles TensorFlow, TFX and Beam when it imports them.
export UV_COMPILE_BYTECODE := 1
export UV_LINK_MODE := copy

run: $(VENV)/.run
	$(BIN)/python pipeline/run_local.py

test: $(VENV)/.dev
	scripts/suite $(BIN)/python "not landing"

test-landing: $(VENV)/.dev
	scripts/suite $(BIN)/python "landing or hypothesis" --hypothesis-profile landing

test-long: $(VENV)/.dev
	$(BIN)/python -m pytest -m long

test-clusters: $(VENV)/.dev
	scripts/fetch_jars
	$(BIN)/python -m pytest -m cluster tests/clusters

test-conformance: $(VENV)/.dev
	scripts/fetch_jars
	$(BIN)/python -m pytest -m cluster tests/clusters/test_conformance.py

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# uv holds whatever it downloads against the hashes of the lock file, also where that is a constraint.
# A stamp is newer than what it was made from, so a second call installs nothing.
$(VENV)/.run: $(LOCK) setup.py
	@scripts/setup_venv "$(PYTHON)" "$(VENV)" "$(UV_VERSION)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --editable ".[serve]"
	@touch $@

$(VENV)/.dev: $(LOCK) setup.py
	@scripts/setup_venv "$(PYTHON)" "$(VENV)" "$(UV_VERSION)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --editable ".[dev,serve,onnx]"
	@touch $(VENV)/.run $@

lock: $(VENV)/.dev
	$(BIN)/uv pip compile setup.py --all-extras --python-version 3.10 \
	  --no-header --quiet --generate-hashes --output-file requirements/py310.lock
	$(BIN)/uv pip compile setup.py --all-extras --python-version 3.12 \
	  --python-platform x86_64-manylinux_2_39 --no-header --quiet --generate-hashes \
	  --output-file requirements/py312.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

help:
	@sed -n 's/^# //p' Makefile | head -7
