# Each target does its own set-up, from a fresh clone with Python 3.11 or newer, git and make.
# The first of these that runs and is new enough: a name on PATH may be a stand-in that does not.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JOBS ?= auto

# The state fits the emulator that wrote it, so other locked versions get a file of their own.
export LMI_DEPLOY_SANDBOX_STATE ?= .sandbox/state-$(shell cksum < requirements/sandbox.lock | cut -d' ' -f1)

.PHONY: run test test-all fuzz check format lock catalog picture bench build clean

run: $(VENV)/.sandbox-installed  ## The main job: deploy Llama-2-70B to an AWS emulator on this machine
	$(BIN)/lmi-deploy llama2-70b --profile p4d --sandbox --yes

test: $(VENV)/.dev-installed  ## The tests that every change has to pass
	env -u LMI_DEPLOY_SANDBOX_STATE $(BIN)/python -m pytest --numprocesses=$(JOBS) --dist=worksteal

test-all: $(VENV)/.dev-installed  ## The same and the exhaustive ones, with new generated examples
	env -u LMI_DEPLOY_SANDBOX_STATE HYPOTHESIS_PROFILE=wide $(BIN)/python -m pytest \
		--numprocesses=$(JOBS) --dist=worksteal -m "not live"

fuzz: $(VENV)/.dev-installed  ## Generated and mutated files of every kind against lint and the readers
	HYPOTHESIS_PROFILE=wide $(BIN)/python -m pytest -o addopts="--import-mode=importlib" \
		--numprocesses=$(JOBS) tests/fuzz

check: $(VENV)/.dev-installed  ## Lint, formatting and strict types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev-installed  ## Format, and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

catalog: $(VENV)/.dev-installed  ## Compile the catalog after an edit, the JSON Schema, docs/findings.md
	$(BIN)/python -m lmi_deployer.catalog.build
	$(BIN)/lmi-deploy schema > lmi_deployer/profile.schema.json
	$(BIN)/python -m lmi_deployer.catalog.codes_page > docs/findings.md

lock: $(VENV)/.dev-installed  ## Choose new versions of the dependencies
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-header --extra sandbox pyproject.toml --output-file requirements/sandbox.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-header --extra sandbox --group dev --constraint requirements/sandbox.lock \
		pyproject.toml --output-file requirements/dev.lock

picture: $(VENV)/.dev-installed  ## The picture of a diff in docs/images, taken in the installed browser
	PYTHONPATH=. $(BIN)/python docs/images/make_diff_picture.py

bench: $(VENV)/.dev-installed  ## Measure start-up, validation and diffs
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/validate.py
	$(BIN)/python benchmarks/diff.py

build: $(VENV)/.dev-installed  ## Wheel and sdist into dist/
	$(BIN)/python -m build

clean:  ## Remove everything that can be made again
	rm -rf $(VENV) .sandbox dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "lmi-deploy needs Python 3.11 or newer on PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.%-installed: requirements/%.lock pyproject.toml $(VENV)/bin/python
	$(PIP) install --require-hashes --requirement $<
	$(PIP) install --no-deps --editable .
	@touch $@
