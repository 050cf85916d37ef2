# Adapt. `make app` opens the app, `make test` runs every check; both set up .venv by themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help
.PHONY: help install app test bench clean

help:
	@echo "make app      set up and open the app on a demo workspace"
	@echo "make test     set up with the developers' tools and run every check"
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

test: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry .
	$(BIN)/codespell
	HF_HUB_OFFLINE=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/pytest -n 2 -m "not gpu" --cov --cov-report=term

bench: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
