# Everything that a checkout needs, on a machine with python3 (3.11 or newer), make and git.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
APT := apt-get -o DPkg::Lock::Timeout=300
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types browser clean

help: ## What there is to make
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY) ## The virtual environment, a Docker Engine, the supervisor and the base image
	@$(BIN)/offswitch setup

demo: setup ## One short run of each kind, with its report
	@$(BIN)/offswitch demo

test: setup browser ## All tests
	@$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(READY) ## Style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Types, by two checkers
	@$(BIN)/mypy
	@$(BIN)/pyright

browser: ## Chromium, for the tests of what a person sees
	@command -v chromium >/dev/null || { $(APT) update -qq && DEBIAN_FRONTEND=noninteractive \
	  $(APT) install -qq -y --no-install-recommends chromium >/dev/null; }

clean: ## Remove what was built and cached; the virtual environment stays
	@rm -rf build dist .coverage junit.xml .hypothesis .mypy_cache .pytest_cache .ruff_cache ./*.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Debian keeps ensurepip in a package of its own.
$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "offswitch needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && $(APT) update -qq && DEBIAN_FRONTEND=noninteractive $(APT) install -qq -y --no-install-recommends python3-venv >/dev/null; } \
	  || { echo "python3 lacks ensurepip. Try: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@
