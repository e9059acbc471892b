# Everything here runs from a fresh clone: `.venv` is made when it is missing or out of date.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# A folder of tests is no package: mypy takes each for a program of its own, as pytest does.
TEST_FOLDERS = $(sort $(dir $(shell find tests -name cases -prune -o -name '*.py' -print)))

.DEFAULT_GOAL := help

.PHONY: demo
demo: $(READY) ## grade two example submissions: every way a test ends, and a wrong PPO loss
	$(call graded,3,all --course examples/outcomes --workdir examples/outcomes/submission)
	$(call graded,1,ppo_loss --workdir examples/submissions/ppo_loss)

.PHONY: test
test: $(READY) ## run the project's own tests
	$(BIN)/python -m pytest

.PHONY: test-postgres
test-postgres: $(READY) ## run the tests that need a PostgreSQL server; says so if there is none
	DLCOURSE_REQUIRE_POSTGRES=1 $(BIN)/python -m pytest -m postgres tests/bulk

.PHONY: lint
lint: $(READY) ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/*.py
	$(BIN)/mypy exercises/*/*.py
	$(BIN)/mypy solutions/*/*.py
	$(BIN)/mypy graders/*/test_*.py
	@set -e; for folder in $(TEST_FOLDERS); do \
		echo "$(BIN)/mypy $${folder}*.py"; $(BIN)/mypy $${folder}*.py; \
	done

.PHONY: audit
audit: $(READY) ## prove how strong the suites are; writes audit.lock
	$(BIN)/dlcourse audit

.PHONY: audit-ci
audit-ci: $(READY) ## audit what differs from audit.lock, and a rotating part of the rest
	$(BIN)/dlcourse audit --ci --budget 120

.PHONY: audit-long
audit-long: $(READY) ## audit everything on 200 seeds, which takes hours
	$(BIN)/dlcourse audit --seeds 200 --dry-run

.PHONY: format
format: $(READY) ## repair style and format where that is safe
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: bench
bench: $(READY) ## measure how long grading takes on this machine
	$(BIN)/python -m benchmarks

.PHONY: fuzz
fuzz: $(READY) ## send 200,000 damaged answers to the grader
	$(BIN)/python tests/sandbox/fuzz_wire.py

.PHONY: wheel
wheel: $(READY) ## build the wheel, with the course inside, and the source archive in dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -d dist

.PHONY: clean
clean: ## remove .venv and everything that was built
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: name one with \`make PYTHON=python3.12\`." >&2; exit 1; }
	@echo "Installing into $(VENV): PyTorch is large, so the first time takes minutes."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# Print a command, run it, and fail unless it ends with the exit code that is due: $(call graded,CODE,ARGUMENTS)
define graded
@echo '$$ dlcourse check $(2)'; echo; \
	code=0; $(BIN)/dlcourse check $(2) || code=$$?; \
	echo; echo "exit code $$code"; echo; \
	[ $$code -eq $(1) ] || { echo "exit code $(1) was due, not $$code" >&2; exit 1; }
endef
