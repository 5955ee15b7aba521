# Every target does its own set-up in .venv; a second start takes seconds.
#   make demo    the whole loop, for real, on this machine
#   make test    all tests
#   make ui      the dashboard over the demo's home

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
# torch goes in first and exactly: an open range can pull gigabytes that a CPU never uses.
TORCH  ?= torch==2.13.0
SEED   ?= 0
VENV   := .venv
BIN    := $(VENV)/bin
# The warning that is silenced tells of editable installs in general and asks for nothing.
PIP    := PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check
DEMO_HOME ?= $(CURDIR)/.demo

export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE ?= 1

.PHONY: help setup dev demo test fast sweep lint types bench bench-judge bench-distill fuzz fuzz-cert ui student clean

help:
	@sed -n 's/^#   //p' Makefile
	echo "also: setup lint types bench bench-judge bench-distill fuzz fuzz-cert student clean"

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else "The workbench needs Python 3.11 or newer; this is %d.%d. Say make PYTHON=/path/to/python3.11" % v[:2])'
	echo "Setting up .venv (once, a few minutes) ..."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade "pip>=24" "setuptools>=77" wheel
	$(PIP) $(TORCH)
	touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml
	@$(PIP) --editable ".[ui,train]"
	touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	@echo "Installing what the tests need ..."
	$(PIP) --editable ".[dev]"
	touch $@

setup: $(VENV)/.run
dev: $(VENV)/.dev

demo: $(VENV)/.run
	@WORKBENCH_HOME="$(DEMO_HOME)" $(BIN)/workbench demo --seed $(SEED) $(ARGS)

ui: $(VENV)/.run
	@WORKBENCH_HOME="$(DEMO_HOME)" $(BIN)/workbench ui $(ARGS)

test: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q $(ARGS)

fast: $(VENV)/.dev
	@$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow and not browser and not sweep" $(ARGS)

# Every hand-written task with all its mutants, attacked; an hour or so.
sweep: $(VENV)/.dev
	@$(BIN)/python -m pytest -q -m sweep $(ARGS)

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

bench: $(VENV)/.dev
	@for file in benchmarks/[a-z]*.py; do echo; echo "== $$file"; $(BIN)/python -m benchmarks.$$(basename $$file .py) $(ARGS); done

bench-judge: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.judge_vs_crosshair $(ARGS)

bench-distill: $(VENV)/.dev
	@$(BIN)/python -m benchmarks.lora_throughput $(ARGS)
	$(BIN)/python -m benchmarks.grpo_reward $(ARGS)
	$(BIN)/python -m benchmarks.dataset_decontamination
	$(BIN)/python -m benchmarks.dataset_semantic --rows 10000
	$(BIN)/python -m benchmarks.dataset_export --rows 1000000
	$(BIN)/python -m benchmarks.interval_coverage

fuzz: $(VENV)/.dev
	@$(BIN)/python -m tests.judge.fuzz --seconds $(or $(SECONDS_),60) $(ARGS)

# Hostile bytes at every door of the certificate's verifier.
fuzz-cert: $(VENV)/.dev
	@$(BIN)/python -m tests.workbench.certificate.fuzz --seconds $(or $(SECONDS_),60) $(ARGS)

# Train the shipped tiny student again from nothing.
student: $(VENV)/.run
	@$(BIN)/python -m distill.tiny --out data/models/tiny $(ARGS)

clean:
	@rm -rf $(VENV) .demo build dist .mypy_cache .ruff_cache .pytest_cache *.egg-info
