# unlockpath: `make run` shows cars opening, `make test` passes the tests; each sets up all it needs.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
CARS ?= 1000000
SCENARIO ?= scenarios/first_rentals.yaml
# Markers (pyproject.toml) of the tests that `make test` leaves to `make test-all`
REST := long or browser or compose or dask or images or other_brokers or strangers or victoria
SOAK := tests/platform_probe/test_live_soak.py
# Markers of those that need an installed program or root, which `make quick` leaves out besides
INSTALLED := broker or compiler or jq or kustomize or namespaces or prometheus or s3 or systemd

# Folders and files that `make quick` leaves out too, but for one live run: what opens stores, types commands, plays
# many runs, waits for real time, and measures docs and the score
NOT_QUICK := tests/bench tests/deploy tests/docs tests/fleet_sim/commands tests/fleet_sim/futures tests/fleet_sim/sweeps \
	tests/golden tests/platform_probe/commands tests/platform_probe/judge_process tests/platform_probe/store \
	tests/platform_probe/tell/support tests/platform_probe/web \
	tests/fleet_sim/runs/test_suite.py tests/fleet_sim/truth/test_run.py tests/platform_probe/judge/test_memory.py \
	tests/scenarios/test_random_scenarios.py tests/test_help.py tests/test_hostile_input.py tests/test_readme.py \
	tests/test_shown_outputs.py $(wildcard tests/test_docs_*.py) \
	$(filter-out tests/live/test_smoke.py,$(wildcard tests/live/test_*.py)) tests/live/without_broker tests/live/with_broker tests/live/long

.PHONY: help setup develop run million quick test test-all conformance check docs mutants bench days fidelity score weights lock clean

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 13

$(VENV)/.ready: requirements-user.lock pyproject.toml scripts/setup
	@scripts/setup

$(VENV)/.developer: $(VENV)/.ready requirements.lock
	@scripts/setup --developer

setup: $(VENV)/.ready  ## Make .venv with what the programs need, and install mosquitto where possible
	@scripts/setup --system-only

develop: $(VENV)/.developer  ## Add to .venv what checks, tests and benchmarks need

run: setup  ## Customers open a thousand cars, with an app and a real broker; writes runs/<name>/report.html
	$(BIN)/fleet-sim run $(SCENARIO)

quick test test-all conformance: export PYTHONDONTWRITEBYTECODE :=  # else hundreds of children compile us anew
HALVES := tests/platform_probe "tests --ignore=tests/platform_probe"
COMPILE_TESTS = @test -d tests/__pycache__ || { \
	for half in $(HALVES); do $(BIN)/pytest -q --collect-only $$half >/dev/null 2>&1 & done; wait; }  # once, not by each worker
IN_PARALLEL := -q --dist loadfile --no-loadscope-reorder

quick: develop  ## Tests that need nothing installed, 90 s: units, the broker model, every scenario
	$(COMPILE_TESTS)
	$(BIN)/pytest $(IN_PARALLEL) -n 3 -m "not ($(REST) or $(INSTALLED))" $(addprefix --ignore=,$(NOT_QUICK))

test: develop  ## Most tests, 5 minutes, against a real mosquitto, Prometheus and Alertmanager
	@scripts/setup --for-tests
	$(COMPILE_TESTS)
	$(BIN)/pytest $(IN_PARALLEL) -n 4 -m "not ($(REST))"

test-all: develop  ## The tests that `make test` leaves out: browser, Dask, RabbitMQ, ejabberd, long runs
	@scripts/setup --for-tests
	@scripts/setup --other-brokers
	$(COMPILE_TESTS)
	$(BIN)/pytest $(IN_PARALLEL) -n 3 -m "$(REST)" --ignore=$(SOAK) -o faulthandler_timeout=1800
	$(BIN)/pytest $(IN_PARALLEL) -n 3 -m "hypothesis and not ($(REST))" --hypothesis-profile=hundred  # five times the examples
	$(BIN)/pytest -q -p no:xdist $(SOAK) -o faulthandler_timeout=1800  # alone: it asserts times, for 17 minutes

conformance: develop  ## RabbitMQ, ejabberd and programs of others: installs them, and runs what must work with them
	@scripts/setup --other-brokers
	$(BIN)/pytest -q -m "other_brokers or strangers" tests/conformance

million: setup  ## A million cars on this machine, opened at random; says first what is missing for it
	$(BIN)/fleet-sim run scenarios/long/many_cars.yaml \
		--set fleet.groups.country.count=$$(( $(CARS) - $(CARS) / 10 - 400 )) --set fleet.groups.coast.count=$$(( $(CARS) / 10 ))

check: develop  ## ruff, strict mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin -p fleet_wire -p fleet_sim -p platform_probe
	$(BIN)/lint-imports

docs: develop  ## Build the site of the docs into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "the site: build/site/index.html"

mutants: develop  ## Change the core in many small ways; list what no test notices (MUTANTS="--help" for more)
	nice -n 19 $(BIN)/python -m tests.mutants $(MUTANTS)

bench: develop  ## The numbers, side by side with other client stacks, medians and ratios
	@scripts/setup --for-tests
	$(BIN)/python -m bench

score: develop  ## How well failures are diagnosed, on incidents that nobody tuned with (SCORE="--help" for more)
	@mkdir -p runs
	$(BIN)/python -m bench.cohorts --incidents 300 --json runs/cohorts.json
	$(BIN)/python -m bench.detection --json runs/detection.json
	$(BIN)/python -m bench.score run --cohorts runs/cohorts.json $(SCORE)
	$(BIN)/python -m bench.score notice --detection runs/detection.json

weights: develop  ## Learn the weights of the diagnosis anew, from incidents to tune with
	$(BIN)/python -m bench.score draw
	$(BIN)/python -m bench.score learn

fidelity: develop  ## The simulator's model beside published measurements; writes docs/fidelity.md
	$(BIN)/python -m bench.fidelity --page docs/fidelity.md

days: develop  ## Thirty simulated days of healthy fleets under the shipped rules: who would be woken?
	@scripts/setup --for-tests
	$(BIN)/python -m tests.days

COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header --quiet

lock:  ## Renew the lock files: of developers, of the image, of users, of what builds the wheel
	$(BIN)/pip install --quiet uv
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra cbor --extra otlp --extra protobuf --extra s3 --extra sweep --constraint requirements.lock --output-file requirements-run.lock
	$(COMPILE) --constraint requirements.lock --output-file requirements-user.lock
	$(subst pyproject.toml,-,$(COMPILE)) --constraint requirements.lock --output-file requirements-build.lock <<<$$'editables>=0.5\nhatchling>=1.27'

clean:  ## Remove .venv and caches (keeps runs/)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist bench/build mutants
