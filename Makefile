# Everything a developer does, by name. `make help` prints the list.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
ARGS ?=
SEED ?= 1
TEXTS ?= 500

.DEFAULT_GOAL := help
.PHONY: help setup browser demo test check format bench chaos pictures docs lock wheel clean

help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  make demo ARGS=\"--port 8090\"   hands arguments on; make test ARGS=\"tests/web -k inbox\" as well"

setup: ## Make .venv ready (the other commands do it by themselves)
	@$(PYTHON3) scripts/setup.py

browser:
	@$(PYTHON3) scripts/setup.py --browser

demo: setup ## Start the demo: practice, pretend patients, phones; Ctrl-C stops it
	@$(PYTHON) -m triage demo $(ARGS)

# A whole module stays on one of the two processes, so the servers a module needs start once.
test: browser ## Run all tests
	@$(PYTHON) -m pytest -n 2 --dist loadfile $(ARGS)

check: setup ## Lint, types, import contracts, reference pages
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports
	@$(PYTHON) -m scripts.reference --check

format: setup ## Put the code into its usual form
	@$(PYTHON) -m ruff check --fix-only --exit-zero .
	@$(PYTHON) -m ruff format .

bench: setup ## Measure (QUICK=1 for a short run)
	@QUICK=$(QUICK) $(PYTHON) -m bench $(ARGS)

chaos: setup ## Kill processes with texts in flight and count (SEED=1 TEXTS=500, BREAK=ledger-key|sweeper)
	@$(PYTHON) -m bench.chaos --seed $(SEED) --texts $(TEXTS) $(if $(BREAK),--break $(BREAK)) $(ARGS)

pictures: browser ## Make the pictures of the README and the papers again
	@$(PYTHON) -m scripts.pictures $(ARGS)

docs: setup ## Write the reference pages again that are made from the code
	@$(PYTHON) -m scripts.reference $(ARGS)

lock: setup ## Renew the locks from pyproject.toml (versions and hashes, no addresses)
	@$(PYTHON) scripts/lock.py $(ARGS)

wheel: setup ## Build the wheel into dist/
	@$(PYTHON) -m hatchling build -t wheel

clean: ## Remove .venv and what tools left behind (not the demo's data)
	@rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
