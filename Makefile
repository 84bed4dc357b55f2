# Two commands do everything on a machine that has Python >= 3.11 and git >= 2.38: make demo, make test
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
RING ?= tests
PROCESSES ?= 3
OLDEST := .venv-oldest
WITH_PREFECT := $(addprefix tests/acceptance/test_,deployed.py deployed_again.py deployed_outcomes.py interrupted.py \
	main_job.py milestone.py orchestrator_killed.py scheduled.py server_killed.py) \
	$(wildcard tests/integration/test_runner*.py) $(addprefix tests/integration/test_,aggregate_results.py \
	api_address.py artifact_keys.py blocks.py command_runs.py leases.py server.py server_start_ended.py taken_out.py \
	usage_limits.py verify_task.py)

.PHONY: demo test test-oldest unit lint bench clean install dev peers

demo: install
	$(BIN)/miyabi demo

test: dev peers
	$(BIN)/pytest --numprocesses $(PROCESSES) --no-loadscope-reorder $(RING)

# With the oldest Prefect that pyproject.toml allows, what meets Prefect; before a release
test-oldest: $(OLDEST)/installed peers
	$(OLDEST)/bin/pytest --numprocesses $(PROCESSES) --no-loadscope-reorder $(WITH_PREFECT)

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

$(OLDEST)/installed: pyproject.toml constraints.txt constraints-oldest.txt
	$(PYTHON) -m venv $(OLDEST)
	awk -F== 'NR == FNR { own[$$1]; print; next } !($$1 in own)' constraints-oldest.txt constraints.txt >$(OLDEST)/constraints.txt
	$(OLDEST)/bin/pip --disable-pip-version-check install --quiet --constraint $(OLDEST)/constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv $(OLDEST) .peers .pytest_cache .mypy_cache .ruff_cache *.egg-info
