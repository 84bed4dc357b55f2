# Two commands do everything on a machine that has Python >= 3.11 and git >= 2.38: make demo, make test
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
RING ?= tests
PROCESSES ?= 3

.PHONY: demo test unit lint bench clean install dev peers

demo: install
	$(BIN)/miyabi demo

test: dev peers
	$(BIN)/pytest --numprocesses $(PROCESSES) --no-loadscope-reorder $(RING)

unit: dev
	$(BIN)/pytest tests/unit

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: dev peers
	@for script in $(filter-out bench/__init__.py,$(wildcard bench/*.py)); do \
		echo "== $$script"; $(BIN)/python -m bench.$$(basename $$script .py) || exit 1; done

install: .venv/installed
dev: .venv/installed-dev
peers: dev
	tests/support/install_programs.sh
	$(BIN)/python -m tests.support.install_peers
	tests/support/install_newer_git.sh .peers/git

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ .venv/installed

clean:
	rm -rf .venv .peers .pytest_cache .mypy_cache .ruff_cache *.egg-info
