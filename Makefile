# Each recipe works on a fresh clone: .venv is made when it is not there or out of date, with PYTHON.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test test-pythons check lint types layers format docs pictures changes build scenarios bench crashes crowd fuzz mutations simulation soak attacks clean

demo: $(VENV)/ready        ## the main job, on real processes, in seconds
	$(BIN)/restartctl demo

test: $(VENV)/ready        ## all tests
	$(BIN)/pytest

test-pythons:              ## all tests on every Python that is promised and found; PYTHONS="PATHS" names more
	PYTHONPATH=tests $(PYTHON) -m pythons $(PYTHONS)

check: lint types layers ## everything a machine can judge without running the tests

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready
	$(BIN)/mypy

layers: $(VENV)/ready
	$(BIN)/lint-imports

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/ready        ## the documentation as a site, in build/site; warnings are errors
	$(BIN)/pip install --quiet --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

changes: $(VENV)/ready     ## what the next release will say of itself
	$(BIN)/pip install --quiet --group release
	$(BIN)/towncrier build --draft --version next

build: $(VENV)/ready       ## wheel and sdist, in dist
	$(BIN)/pip install --quiet --group release
	$(BIN)/python -m build --quiet

pictures: $(VENV)/ready    ## the pictures of the README, from real programs
	$(BIN)/python docs/pictures.py

scenarios: $(VENV)/ready   ## who finds what: every situation, we and the other tools (as root)
	PYTHONPATH=tests $(BIN)/python -m scenarios.table --write docs/detection.md

bench: $(VENV)/ready       ## how fast, side by side (as root, on a quiet machine)
	$(BIN)/pip install --quiet --group bench
	$(BIN)/python -m benchmarks.detection --write docs
	$(BIN)/python -m benchmarks.startup --write docs
	$(BIN)/python -m benchmarks.registration --write docs
	$(BIN)/python -m benchmarks.services --write docs

crashes: $(VENV)/ready     ## a real installer, and the recovery after it, killed at every point
	PYTHONPATH=tests $(BIN)/python -m crashes

crowd: $(VENV)/ready       ## a million registrations by eight processes at once
	$(BIN)/python -m benchmarks.million --write docs

fuzz: $(VENV)/ready        ## millions of inputs to everything that reads what others wrote
	$(BIN)/pip install --quiet --group fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzzing
	PYTHONPATH=tests $(BIN)/python -m fuzzing.guided 50000
	RESTARTMANAGER_DAMAGES=20000 $(BIN)/pytest -q tests/fuzzing/test_memory.py --timeout=0

simulation: $(VENV)/ready  ## ten thousand seeded lives, and variants that are broken on purpose
	$(BIN)/pytest -q tests/simulation --timeout=0

mutations: $(VENV)/ready   ## every rule of the security page taken out, one at a time (as root)
	$(BIN)/pytest -q tests/mutations

attacks: $(VENV)/ready     ## every attack of the security page, and which promises it broke (as root)
	PYTHONPATH=tests $(BIN)/python -m attacks --write

soak: $(VENV)/ready        ## do tests waver? the suite six times, some tests thirty times, half of it beside busy loops (as root)
	PYTHONPATH=tests $(BIN)/python -m soak $(SOAK)

clean:
	rm -rf .venv .venv-* build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/pip install --quiet --editable . --group dev
	touch $@
