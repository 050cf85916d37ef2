# Adapt. `make app` opens the app, `make test` runs every check; both set up .venv by themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PYTEST := HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest -n 2 --durations=15
.DEFAULT_GOAL := help
.PHONY: help install app quick test faults mutants checks bench clean

help:
	@echo "make app      set up and open the app on a demo workspace"
	@echo "make quick    set up with the developers' tools, run the checks and the fast tests"
	@echo "make test     every check, and every test except those of make faults"
	@echo "make faults   the longest tests: kills, bombs, clusters, whole recipes, the demo"
	@echo "make mutants  change the code in small ways and count what the tests notice; one folder: OF=feedback"
	@echo "make install  set up only"
	@echo "make bench    measure against trl+peft, mergekit, chroma; writes BENCHMARKS.md"
	@echo "make clean    remove .venv and caches"

$(VENV)/.made:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing; install Python 3.11 or newer, or run: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# Stamps make the second time fast: pip runs only when pyproject.toml has changed since.
$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[dev]"
	@touch $@ $(VENV)/.installed

install: $(VENV)/.installed

app: $(VENV)/.installed
	$(BIN)/adapt --workspace "$${ADAPT_WORKSPACE:-$$HOME/.adapt-demo}" ui --demo $(if $(PORT),--port $(PORT)) $(if $(HEADLESS),--no-browser)

checks: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry .
	$(BIN)/codespell

quick: checks
	$(PYTEST) -m "not slow and not faults and not browser and not gpu"

test: checks
	$(PYTEST) -m "not faults and not gpu" --cov --cov-report=term

faults: $(VENV)/.installed-dev
	$(PYTEST) -m "faults and not gpu"

mutants: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutants $(OF)

bench: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
