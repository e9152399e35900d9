# make run     the whole pipeline on the embedded digits
# make test    what the README promises, in minutes; make test-landing: what is dear to test
# make test-long       a month of retraining; each command of the Kubeflow package; killed runs of each task
# make test-clusters   ingest to evaluation on Flink and Spark; brings their job servers first.
#                      make test-conformance is the part of it that asks for the same results
# make test-current    check, suite, a whole run and its answers on Debian 13 with Python 3.12;
#                      PARTS="run lanes" chooses parts
# make check   format, lint, types, architecture
# make lock    resolve requirements/*.lock anew from setup.py
#
# LANE=py310 or LANE=py312 chooses the versions; else scripts/lane does.

.PHONY: run test test-landing test-long test-clusters test-conformance test-current check format lock clean help
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
LANE ?=
override LANE := $(shell scripts/lane "$(LANE)" "$(PYTHON)" $(VENV))
LOCK := requirements/$(LANE).lock
RUN := $(VENV)/.run-$(LANE)
DEV := $(VENV)/.dev-$(LANE)
UV_VERSION := 0.13.9
# Without bytecode every process recompiles TensorFlow, TFX and Beam when it imports them.
export UV_COMPILE_BYTECODE := 1
export UV_LINK_MODE := copy

run: $(RUN)
	$(BIN)/python pipeline/run_local.py

test: $(DEV)
	scripts/suite $(BIN)/python "not landing"

test-landing: $(DEV)
	scripts/suite $(BIN)/python "landing or hypothesis" --hypothesis-profile landing $(LEFT_OUT)

test-long: $(DEV)
	$(BIN)/python -m pytest -m long

test-clusters: $(DEV)
	scripts/fetch_jars
	$(BIN)/python -m pytest -m cluster tests/clusters

test-conformance: $(DEV)
	scripts/fetch_jars
	$(BIN)/python -m pytest -m cluster tests/clusters/test_conformance.py

# In a system of its own, which has an environment of its own.
test-current:
	scripts/trixie scripts/current $(PARTS)

check: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# uv holds whatever it downloads against the hashes of the lock file, also where that is a constraint.
# A stamp is newer than what it was made from, so a second call installs nothing.
$(RUN): $(wildcard $(LOCK)) setup.py
	@scripts/setup_venv "$(LANE)" "$(VENV)" "$(UV_VERSION)" "$(PYTHON)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --editable ".[serve,onnx]"
	@touch $@

$(DEV): $(wildcard $(LOCK)) setup.py
	@scripts/setup_venv "$(LANE)" "$(VENV)" "$(UV_VERSION)" "$(PYTHON)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint $(LOCK) --editable ".[dev,serve,onnx]"
	@touch $(RUN) $@

lock: $(DEV)
	$(BIN)/uv pip compile setup.py --all-extras --python-version 3.10 \
	  --no-header --quiet --generate-hashes --output-file requirements/py310.lock
	$(BIN)/uv pip compile setup.py --all-extras --python-version 3.12 \
	  --python-platform x86_64-manylinux_2_39 --no-header --quiet --generate-hashes \
	  --output-file requirements/py312.lock

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

help:
	@sed -n 's/^# //p' Makefile | head -10
