# Everything runs in an environment of its own, which the first call makes. Python 3.11 to 3.14, git and make suffice.
PYTHON ?= python3
ENV := .venv/bin

.PHONY: run test quick style types web web-test bench soak rayup lock clean environment
.DEFAULT_GOAL := run

run: web            ## start the server here; Ctrl-C ends it
	$(ENV)/python -m cluster.cli up $(UP)

test: web style types web-test      ## everything
	$(ENV)/python -m pytest $(TESTS)

quick: environment  ## what takes about a minute
	$(ENV)/python -m pytest -m "not slow" $(TESTS)

style: environment
	$(ENV)/ruff check .
	$(ENV)/ruff format --check .

types: environment
	$(ENV)/mypy

web: environment
	$(ENV)/python tools/web.py build

web-test: web
	$(ENV)/python tools/web.py test

bench: environment  ## the table of figures, as multiples of a bare relay; STORE=cassandra: on a database
	$(ENV)/python -m cluster.cli bench all $(if $(STORE),--store '$(STORE)') $(BENCH)

soak: environment   ## faults under load, and simulation, for SOAK="--minutes 60" each; the figures of faults go into docs/faults.md
	$(ENV)/python -m tests.faults.soak $(SOAK)
	$(ENV)/python -m tests.simulation --minutes 60

rayup: environment  ## `ray up` against three hosts made of name spaces here, STORE=cassandra: with a disk of its own each; root only
	$(ENV)/python tools/rayup$(if $(filter cassandra,$(STORE)),_apart).py

lock: environment   ## UPGRADE=--upgrade moves to newer versions
	PATH="$(CURDIR)/$(ENV):$$PATH" $(ENV)/python tools/lock.py $(UPGRADE)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis gateway/web/dist gateway/web/node_modules

environment:
	@$(PYTHON) tools/environment.py
