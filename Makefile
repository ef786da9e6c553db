# One command for each thing a developer does. `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that will do. Override with: make PYTHON=/path/to/python
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
CHECKED := $(wildcard monitor_stream tests topics grafana loadtest examples deploy)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --use-pep517 --constraint constraints.txt --editable

# Debian keeps the part of Python that makes virtual environments in a package of its own.
ADD_VENV_MODULE = { \
	if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; else as_root=none; fi; \
	if [ "$$as_root" = none ] || ! command -v apt-get >/dev/null; then \
		echo "$(PYTHON) cannot make a virtual environment: install the package python3-venv, then run make again" >&2; exit 1; fi; \
	echo "Installing python3-venv: $(PYTHON) cannot make a virtual environment without it"; \
	$$as_root apt-get -qq update && $$as_root apt-get -qq install --no-install-recommends -y python3-venv >/dev/null; }

.DEFAULT_GOAL := help
.PHONY: help demo test packages kafka lint format types unit integration bench chaos chaos-check evaluate generate constraints clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Watch a real model on real flights, with Kafka and Valkey as child processes (DEMO_ARGS=...)
	$(BIN)/monitor-stream demo $(DEMO_ARGS)

test: packages kafka lint types ## Everything CI runs: lint, types, unit and integration tests
	$(BIN)/pytest $(PYTEST_ARGS)

lint: $(VENV)/.test ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

format: $(VENV)/.test ## Format, and repair what can be repaired
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

types: $(VENV)/.test ## Check types, strictly
	$(BIN)/mypy

unit: $(VENV)/.test ## Run the tests that need no server
	$(BIN)/pytest -m "not integration" $(PYTEST_ARGS)

integration: $(VENV)/.test packages kafka ## Run the tests on a real Kafka and a real Valkey (KAFKA_BOOTSTRAP=, REDIS_URL= for yours)
	$(BIN)/pytest -m "integration and not sabotage" $(PYTEST_ARGS)

packages: ## Install the Debian packages some tests need (promtool, alertmanager, a browser)
	@sh tests/system-packages.sh

kafka: $(VENV)/.test ## Fetch Apache Kafka into the user's cache, once, so that no test waits for a download
	@$(BIN)/python -c 'from monitor_stream.embedded.jars import jars; jars(print)'

bench: $(VENV)/.test ## Measure throughput, latency and detection on this machine (BENCH_ARGS=...)
	$(BIN)/python -m loadtest.bench $(BENCH_ARGS)

chaos: $(VENV)/.test kafka ## Kill, freeze, cut and fill everything while it runs, and check every total (CHAOS_ARGS=...)
	$(BIN)/python -m loadtest.chaos $(CHAOS_ARGS)

chaos-check: $(VENV)/.test kafka ## Prove that the verifier of chaos can fail; wants the machine for itself
	$(BIN)/pytest -m sabotage $(PYTEST_ARGS)

evaluate: $(VENV)/.test ## Measure what is found, missed and raised falsely, and write docs/evaluation.md (minutes)
	$(BIN)/python -m loadtest.evaluation $(EVALUATE_ARGS)

generate: $(VENV)/.test ## Rewrite the committed files that are made from code
	$(BIN)/python -m monitor_stream.generate

constraints: ## Rewrite constraints.txt with the newest versions that pyproject.toml admits
	rm -rf .cache/constraints
	$(PYTHON) -m venv .cache/constraints
	.cache/constraints/bin/python -m pip install --quiet --disable-pip-version-check '.[test]'
	{ echo '# Made by `make constraints`: one set of versions known to work together, all extras included.'; \
	  .cache/constraints/bin/python -m pip freeze --exclude monitor-stream; } > constraints.txt
	rm -rf .cache/constraints

clean: ## Remove everything make and the tools have made
	rm -rf $(VENV) build dist .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.test: $(VENV)/.python pyproject.toml constraints.txt
	$(INSTALL) '.[test]'
	@touch $(VENV)/.demo $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	$(INSTALL) '.[demo]'
	@touch $@

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "monitor-stream needs Python 3.11, 3.12 or 3.13, and found none of them" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || $(ADD_VENV_MODULE)
	$(PYTHON) -m venv $(VENV)
	@touch $@
