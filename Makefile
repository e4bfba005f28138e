# Two commands on a fresh machine: `make demo` and `make test`. They need Python >= 3.11 and make, nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test unit lint format bench generated parity lock clean services

help:  ## List the targets.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/run.stamp: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "vqmon needs Python 3.11 or newer; try: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/run.stamp  ## Watch a live ladder with known faults and check that each one is alerted on. KEEP=1 keeps the dashboard up.
	$(BIN)/vqmon demo $(if $(KEEP),--keep) $(DEMO_ARGS)

test: $(VENV)/dev.stamp  ## Run the whole test suite.
	$(BIN)/python -m pytest $(TEST_ARGS)

unit: $(VENV)/dev.stamp  ## Run the fast tests only.
	$(BIN)/python -m pytest tests/unit tests/property

lint: $(VENV)/dev.stamp  ## Check style, types and layers.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp  ## Rewrite the code in the one style.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/dev.stamp  ## Measure speed against peers (quiet machine).
	$(BIN)/python -m pytest tests/benchmarks -m benchmark -s $(BENCH_ARGS)

generated: $(VENV)/dev.stamp  ## Renew what is made from the metric specs and the alert rules: README table, dashboards, Prometheus rules.
	$(BIN)/python -m pipelines.catalogue
	$(BIN)/python -m pipelines.dashboards
	$(BIN)/python -m pipelines.prometheus_rules

parity: $(VENV)/dev.stamp  ## Compare numbers with independent implementations and renew PARITY.md.
	$(BIN)/python -m pytest tests/parity --write-parity

services:  ## Install the real services that integration tests need (Debian, root).
	deploy/install-test-services.sh

lock: $(VENV)/dev.stamp  ## Renew the locked versions.
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
	  pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
	  pyproject.toml --extra grafana --extra kafka --extra postgres --group dev -o requirements-dev.lock

clean:  ## Remove the environment and caches.
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
