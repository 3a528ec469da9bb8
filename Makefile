PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: help setup demo demo-long test test-all lint docs fuzz soak bench
help:
	@echo "make setup     make .venv and install everything into it"
	@echo "make demo      set up, render streets, train some minutes, score, export, leave a page of pictures in demo/"
	@echo "make demo-long the same from scratch, half an hour"
	@echo "make test      set up, run the tests that are quick: some three minutes on two cores of today"
	@echo "make test-all  set up, run all tests: kill and resume, several processes, compiled networks as well"
	@echo "make lint      set up, check format, style and types"
	@echo "make docs      set up, build the site of docs/ into build/site"
	@echo "make fuzz      set up, feed hundreds of damaged files to every reader; FUZZ=4000 says how many"
	@echo "make soak      set up, kill a training a hundred times and compare it with one that was not"
	@echo "make bench     set up, measure this machine"

setup: $(READY)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY)
	$(BIN)/python -m monodepth2 demo demo

demo-long: $(READY)
	$(BIN)/python -m monodepth2 demo demo-long --scratch --minutes 25 --frames 90

# a file's tests stay in one process: they share what they train; files begin in the order of tests/conftest.py
TESTS = $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(READY)
	$(TESTS)

test-all: $(READY)
	$(TESTS) --all

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

soak: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python tests/soak.py --rounds 100

# FUZZ files for each reader; what breaks one stays in fuzz/ until the next run; the time is for one that never returns
fuzz: $(READY)
	FUZZ=$(or $(FUZZ),400) $(BIN)/python -m pytest --all -n auto --basetemp fuzz \
		-o faulthandler_timeout=900 -o faulthandler_exit_on_timeout=true tests/files/test_hostile_files.py

bench: $(READY)
	$(BIN)/python benchmarks/run.py --output bench.json
