# Needs make and Python 3.11 or newer; everything else is installed into .venv/ from a lock with hashes.

PYTHON ?= python3
WORKERS ?= 4
ARGS ?=
VENV := .venv/bin
MAKEFLAGS += --no-print-directory

# Names the state of .venv/: the folder counts because scripts and the editable install hold its path.
STATE = { cat requirements/dev.lock pyproject.toml; pwd; $(VENV)/python -V; } 2>&1 | cksum

.DEFAULT_GOAL := help
.PHONY: help setup environment interpreter run test chaos check format lock clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

setup: ## create .venv/ with the `whenabouts` command; does nothing when the lock is unchanged
	@test "$$($(STATE))" = "$$(cat .venv/.state 2>/dev/null)" || $(MAKE) environment

environment: interpreter
	@rm -f .venv/.state
	@$(VENV)/python -c 'import pip' 2>/dev/null || { echo "Creating .venv/ with $$($(PYTHON) -V)"; $(PYTHON) -m venv --clear .venv; }
	@echo "Installing the locked packages into .venv/ (a few minutes the first time)"
	@$(VENV)/python -m pip --disable-pip-version-check install --no-compile --require-hashes -r requirements/dev.lock
	@$(VENV)/python -m pip --disable-pip-version-check install --quiet --no-build-isolation --no-deps --editable .
	@$(STATE) > .venv/.state
	@echo "Ready: $(VENV)/whenabouts"

interpreter:
	@command -v "$(PYTHON)" >/dev/null || { echo "No $(PYTHON) found: install Python 3.11 or newer, or name one with 'make setup PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$($(PYTHON) -V 2>&1) is too old: Whenabouts needs 3.11 or newer; name one with 'make setup PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) lacks venv or ensurepip: on Debian and Ubuntu install python3-venv." >&2; exit 1; }

# Bytecode is made of what is used, and kept, also where the machine says otherwise: making it of all packages takes 20 s.
run: setup ## start the demo: the service, the loop, a local FCM emulator and a small town (ARGS="--speed 60")
	@PYTHONDONTWRITEBYTECODE= $(VENV)/whenabouts demo $(ARGS)

test: check ## lint, types, import contracts, then every test (ARGS="-k consent")
	@PYTHONDONTWRITEBYTECODE= $(VENV)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

chaos: setup ## kill engines and senders all along 5,000 messages; none may be posted twice
	@CHAOS_MESSAGES=5000 $(VENV)/python -m pytest -q -s tests/acceptance/test_chaos.py $(ARGS)

check: setup ## lint, formatting, types and import contracts
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports

format: setup ## format the code and mend what the linter can mend
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

# Releases younger than seven days stay out, so that an upload withdrawn in its first days cannot reach us.
COMPILE = uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	--exclude-newer "$$($(PYTHON) -c 'import datetime as d; print(d.date.today() - d.timedelta(days=7))')" $(ARGS)

lock: ## renew the locks from pyproject.toml (needs uv; ARGS="--upgrade" for newer releases)
	@command -v uv >/dev/null || { echo "make lock needs uv: 'pipx install uv'." >&2; exit 1; }
	$(COMPILE) --extra dev --output-file requirements/dev.lock pyproject.toml
	$(COMPILE) --output-file requirements/run.lock pyproject.toml
	@echo hatchling | $(COMPILE) --output-file requirements/build.lock -

clean: ## remove .venv/ and the caches; data/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .schemathesis .import_linter_cache dist
