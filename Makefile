# `make` alone lists what there is. Everything sets itself up first; what is in place is left alone.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# How many tests run at once (three for two cores: a browser is waited for often), and whatever else pytest should be told:
#   make test TEST_WORKERS=4 PYTEST_ARGS="-k cancel"
TEST_WORKERS ?= $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))
PYTEST_ARGS ?=

bin := .venv/bin
python_folders := agent flows fixtures tests benchmarks
pytest := $(bin)/pytest --numprocesses $(TEST_WORKERS) --maxprocesses 8
# The long ones wait for clocks and processes more than for the machine.
slow := $(bin)/pytest --numprocesses $(shell echo $$(( $(TEST_WORKERS) + 1 ))) --maxprocesses 10 --dist loadgroup

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## .venv, its packages, a browser; the other targets do it by themselves
	@scripts/setup

.PHONY: demo
demo: setup ## withdraw one order from a pretend portal and settle it in a pretend shop (ARGS=--headed shows it)
	@$(bin)/countermand demo $(ARGS)

.PHONY: test
test: setup ## the tests, except the slow and the live ones
	$(pytest) --dist worksteal -m "not slow and not live" $(PYTEST_ARGS)

# Tests that share something costly stay on one worker (xdist_group).
# pytest's 5 means that no test was collected: an empty set of slow tests has not failed.
.PHONY: test-slow
test-slow: setup ## the long tests: the built wheel, chaos, contracts
	@scripts/wheelhouse
	$(slow) -m "slow and not more and not live" $(PYTEST_ARGS) || { code=$$?; [[ $$code == 5 ]] || exit $$code; }

.PHONY: test-more
test-more: setup ## further variants of the long tests
	$(slow) -m "more and not live" $(PYTEST_ARGS)

.PHONY: chaos
chaos: setup ## kill a worker again and again (KILLS=1000), and count what the portal received
	CHAOS_KILLS=$(or $(KILLS),1000) $(pytest) -m slow tests/chaos $(PYTEST_ARGS)

.PHONY: lint
lint: setup-packages ## style, types, import directions
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy $(python_folders)
	$(bin)/lint-imports --no-logo

.PHONY: format
format: setup-packages ## put the code into shape
	$(bin)/ruff check --fix .
	$(bin)/ruff format .

# What it compares with is installed here only; a peer that cannot be installed is left out, and the table says so.
.PHONY: bench
bench: setup ## measure beside what people would use instead (ARGS="--only walks --rounds 10", ARGS=--readme)
	@$(bin)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --no-deps \
		--requirement requirements-bench.txt || echo "bench: selenium and robot could not be installed; they are left out" >&2
	@if [[ -x $(bin)/rfbrowser ]]; then $(bin)/rfbrowser init --skip-browsers >/dev/null 2>&1 || true; fi
	@$(bin)/python -m benchmarks $(ARGS)

.PHONY: load
load: setup ## many orders from a file and many that wait (ORDERS=500 WAITING=10000): figures, and whether anything was wrong
	@$(bin)/python -m benchmarks.load --orders $(or $(ORDERS),500) --waiting $(or $(WAITING),10000) $(ARGS)

.PHONY: recordings
recordings: setup ## record the scenes of the mock portal anew into fixtures/recordings: look at what changed before it is committed
	KEEP_RECORDINGS=$(CURDIR)/fixtures/recordings $(pytest) tests/browser/test_recording.py $(PYTEST_ARGS)

.PHONY: lock
lock: setup-packages ## write the requirements files anew (UPGRADE=1: newest versions in the ranges)
	@scripts/lock

.PHONY: clean
clean: ## remove what the set-up, the tools and the builds made
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup-packages
setup-packages:
	@scripts/setup --no-browser
