# Two commands do everything on a machine that has Python >= 3.11 and git >= 2.38: make demo, make test
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --disable-pip-version-check
RING ?= tests
PROCESSES ?= 3
OLDEST := .venv-oldest
WITH_PREFECT := $(addprefix tests/,acceptance/milestone/test_main.py acceptance/test_deployed.py \
	acceptance/test_deployed_again.py acceptance/test_deployed_outcomes.py acceptance/test_interrupted.py \
	acceptance/test_by_hand.py acceptance/test_main_job.py acceptance/test_orchestrator_killed.py acceptance/test_scheduled.py \
	acceptance/test_server_killed.py integration/blocks/test_blocks.py integration/flows/cli/test_api_address.py \
	integration/flows/cli/test_local_server.py integration/flows/cli/test_local_server_ended.py \
	integration/flows/cli/test_runs.py integration/flows/steps/test_artifacts.py \
	integration/flows/test_aggregate_results.py integration/tasks/concurrency/test_leases.py \
	integration/tasks/concurrency/test_taken_out.py integration/tasks/runner/test_dispatcher.py \
	integration/tasks/runner/test_health.py integration/tasks/runner/test_runner.py \
	integration/tasks/test_run_session_usage_limit.py integration/tasks/test_verify.py)

UNIT_HALVES := unit-first unit-second
unit-first := $(addprefix tests/unit/,milestones options reports system text) $(wildcard tests/unit/[a-l]*)
unit-second := $(filter-out $(unit-first),$(wildcard tests/unit/[a-z]*))

.PHONY: demo test test-oldest unit $(UNIT_HALVES) lint bench chaos clean install dev peers

demo: install
	$(BIN)/miyabi demo

test: dev peers
	$(BIN)/pytest --numprocesses $(PROCESSES) --no-loadscope-reorder $(RING)

# With the oldest Prefect that pyproject.toml allows, what meets Prefect; before a release
test-oldest: $(OLDEST)/installed peers
	$(OLDEST)/bin/pytest --numprocesses $(PROCESSES) --no-loadscope-reorder $(WITH_PREFECT)

# In two halves side by side: xdist would have each process collect the whole
unit: dev
	@$(MAKE) --no-print-directory -j2 $(UNIT_HALVES)

$(UNIT_HALVES):
	$(BIN)/pytest -q $(sort $($@))

lint: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: dev peers
	@for script in $(filter-out bench/__init__.py,$(wildcard bench/*.py)); do \
		echo "== $$script"; $(BIN)/python -m bench.$$(basename $$script .py) || exit 1; done

# Faults at random moments of small runs, 20 times each; the counts go into docs/faults.md. An hour or two, root, not for CI
chaos: dev peers
	$(BIN)/python -m tests.chaos --write

install: .venv/installed
dev: .venv/installed-dev
peers: dev
	tests/support/install_programs.sh
	$(BIN)/python -m tests.support.github.install_peers
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
	rm -rf .venv $(OLDEST) .peers .pytest_cache .mypy_cache .ruff_cache build *.egg-info
