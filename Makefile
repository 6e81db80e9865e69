# Everything that a checkout needs, on a machine with python3 (3.11 or newer), make and git.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
APT := apt-get -o DPkg::Lock::Timeout=300
PYTEST_ARGS ?=
# Set, it installs the newest packages that fit, held against no lock: for an index that lacks a locked file.
UNLOCKED ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults statistics figures metrics performance lint types lock browser clean

help: ## What there is to make
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 13

setup: $(READY) ## The virtual environment, a Docker Engine, the supervisor and the base image
	@$(BIN)/offswitch setup

demo: setup ## One short run of each kind, with its report
	@$(BIN)/offswitch demo

test: setup browser ## All tests
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

faults: setup browser ## Every row of the fault matrix with the full number of trials, and a table of them
	@$(BIN)/python .ci/faults.py $(PYTEST_ARGS)

statistics: $(READY) ## The coverage of the intervals in docs/statistics.md, simulated anew; three minutes
	@$(BIN)/python .ci/intervals.py $(STATISTICS_ARGS)

figures: $(READY) ## The pictures of docs/figures.md, from synthetic data
	@$(BIN)/python .ci/figures.py

metrics: $(READY) ## docs/metrics.md from the docstrings of the metrics
	@$(BIN)/python .ci/metrics.py

performance: setup ## The figures of docs/performance.md beside those of peers, on an idle machine; nine minutes
	@$(BIN)/offswitch bench --peers --json > docs/performance.json.new || { rm docs/performance.json.new; exit 1; }
	@mv docs/performance.json.new docs/performance.json
	@$(BIN)/python .ci/performance.py

lint: $(READY) ## Style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Types, by two checkers
	@$(BIN)/mypy
	@$(BIN)/pyright

lock: ## The lock of every package that setup installs, anew
	@$(PYTHON) .ci/lock.py

browser: ## Chromium, for the tests of what a person sees
	@command -v chromium >/dev/null || { $(APT) update -qq && DEBIAN_FRONTEND=noninteractive \
	  $(APT) install -qq -y --no-install-recommends chromium >/dev/null; }

clean: ## Remove what was built and cached; the virtual environment stays
	@rm -rf build dist .coverage junit.xml faults.xml .faults .hypothesis .mypy_cache .pytest_cache .ruff_cache ./*.egg-info
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

# Debian keeps ensurepip in a package of its own.
$(READY): pyproject.toml .ci/requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "offswitch needs Python 3.11 or newer")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
	  && $(APT) update -qq && DEBIAN_FRONTEND=noninteractive $(APT) install -qq -y --no-install-recommends python3-venv >/dev/null; } \
	  || { echo "python3 lacks ensurepip. Try: sudo apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python .ci/install.py $(if $(UNLOCKED),--unlocked)
	@touch $@
