# sameair: two commands do everything on a machine with Python and make: `make run` and `make test`.
VENV   ?= .venv
PYTHON ?= python3
PY     := $(VENV)/bin/python
export UV_SYSTEM_CERTS = 1
export UV_COMPILE_BYTECODE = 1

.PHONY: run demo-two-nodes test quick test-all test-postgres nightly check setup setup-dev lock fonts map docs site clean

run: setup
	$(VENV)/bin/sameair run $(if $(DATA_DIR),--data-dir $(DATA_DIR))

# Two parties' nodes on this machine: measured air of March 2019 where the archive is there, else simulated.
demo-two-nodes: setup
	$(VENV)/bin/sameair demo-two-nodes $(if $(wildcard ../shared/data),--archive ../shared/data) --data-dir $(or $(DATA_DIR),var)

setup: $(VENV)/.ok
setup-dev: $(VENV)/.ok-dev

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# uv is quicker; pip does the same where it cannot be had. Both refuse a file whose hash is not in the lock.
define install
( $(PY) -m pip install -q --require-hashes -r requirements-uv.lock && $(PY) -m uv pip install -q --require-hashes --python $(PY) -r $(1) ) || $(PY) -m pip install -q --require-hashes -r $(1)
$(PY) -m pip install -q --no-build-isolation --no-deps --no-index -e .
endef

$(VENV)/.ok: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements.lock)
	touch $@

$(VENV)/.ok-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	$(call install,requirements-dev.lock)
	touch $(VENV)/.ok $@

check: setup-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

# One process a core; a file's tests stay together.
PYTEST := $(VENV)/bin/pytest -n auto --dist loadfile

# The checks run beside the tests; `quick` tries fewer examples of what test-all tries a hundred of.
test: setup-dev
	$(MAKE) --no-print-directory -j2 check quick

quick: setup-dev
	$(PYTEST) -m "not slow" --hypothesis-profile=quick

# Every skip is an error here. The slow tests as they are, then all quick ones with every ledger on a PostgreSQL
# server of its own, and of the slow ones those marked `ledger`; it needs the server's programs, not a running one.
NO_SKIPS := SAMEAIR_NO_SKIPS=1
# Slow tests start servers and mostly wait for them: a process more than there are cores, and time to wait.
SLOW_PYTEST = $(VENV)/bin/pytest -n $$($(PY) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist loadfile --timeout 900
ON_POSTGRES := $(NO_SKIPS) $(PY) -m pytest -n auto --dist loadfile -p tests.on_postgres.plugin --ledgers postgres
test-all: check
	$(NO_SKIPS) $(SLOW_PYTEST) -m "slow and not night"
	$(ON_POSTGRES) -m "not slow or ledger"

# The whole suite with every ledger there.
test-postgres: check
	$(ON_POSTGRES)

# Ten thousand damaged answers for every reader of foreign bytes (hours on one core), and all slow tests.
nightly: check
	SAMEAIR_FUZZ_EXAMPLES=10000 $(VENV)/bin/pytest -n auto tests/ingest/test_fuzz_parsers.py
	$(SLOW_PYTEST) -m slow
	SAMEAIR_YEAR_DAYS=365 SAMEAIR_YEAR_SEEDS=2 $(VENV)/bin/pytest -n 2 tests/flows/test_year.py -m slow

lock: setup-dev
	$(PY) -m uv pip compile -q --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes requirements-uv.in -o requirements-uv.lock
	$(PY) -m uv pip compile -q --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes requirements.in -o requirements.lock
	$(PY) -m uv pip compile -q --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes requirements-dev.in -o requirements-dev.lock
	$(PY) -m uv pip compile -q --python-version 3.11 --no-emit-index-url --no-header --no-annotate --generate-hashes -c requirements.lock benchmarks/requirements.in -o benchmarks/requirements.lock

# Committed files that are made from the code or from pinned packages; tests compare them.
fonts: setup-dev
	$(PY) -m alerts.fonts.build_subset

map: setup-dev
	$(PY) -m alerts.map.build_map

docs: setup-dev
	PYTHONPATH=. $(PY) docs/make_contracts.py
	PYTHONPATH=. $(PY) docs/make_sources.py
	PYTHONPATH=. $(PY) docs/make_glossary.py
	PYTHONPATH=. $(PY) docs/make_envelopes.py
	PYTHONPATH=. $(PY) docs/make_deployments.py
	PYTHONPATH=. $(PY) docs/make_reference.py

# These pages as a site in build/site, without a network; a dead link is an error.
site: setup-dev
	$(VENV)/bin/sphinx-build -q -W --keep-going -b html docs build/site

clean:
	rm -rf $(VENV) build dist *.egg-info
