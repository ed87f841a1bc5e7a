# Two commands on a fresh machine (Python 3.11 to 3.13, pip, make): `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# A shell setting that forbids bytecode would make every start of every worker compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test test-slow laws chaos fuzz lint clean

help:
	@echo "make demo       set up, rank molecules with and without speculation, write demo-report.html"
	@echo "make test       set up, run all tests but the slow ones"
	@echo "make test-slow  run the slow tests: several hosts, more faults, generated requests"
	@echo "make laws       check the laws of a run over 10,000 random histories"
	@echo "make chaos      kill real processes under load, 100 seeds"
	@echo "make fuzz       send 10,000 generated requests to a service"
	@echo "make lint       check style, types, import rules, sizes of files and functions"
	@echo "make clean      remove the virtual environment and all caches"

install: $(STAMP)
	@echo "Installed. Put the command forerun on your PATH: source $(VENV)/bin/activate"

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Forerun and its extras into $(VENV) (a few minutes the first time) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[chem,llm,a2a,mcp,ag-ui,langgraph,sandbox,semantic,fast,plot,postgres,bench,dev]"
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/forerun demo

# The tests of a file stay on one worker. Each worker starts a Ray cluster and a service, so four are enough.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: $(STAMP)
	@$(BIN)/python -m pytest $(PARALLEL)

test-slow: $(STAMP)
	@$(BIN)/python -m pytest -m slow

laws: $(STAMP)
	@FORERUN_LAW_HISTORIES=10000 $(BIN)/python -m pytest -n logical tests/laws

chaos: $(STAMP)
	@FORERUN_CHAOS_SEEDS=100 $(BIN)/python -m pytest tests/chaos -m "slow or not slow"

fuzz: $(STAMP)
	@FORERUN_FUZZ_REQUESTS=10000 $(BIN)/python -m pytest tests/e2e/test_generated_requests.py -m slow

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q tests/unit/test_structure.py

clean:
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
