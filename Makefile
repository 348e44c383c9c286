# The commands of this house; what they do stands in config/embedded/. They need Python 3.11 and make, nothing else.
PYTHON ?= python3
PORT ?= 8000
HOST ?= 127.0.0.1
DEMO ?=
STAGE ?= running
ARGS ?=
COMMAND = @exec .venv/bin/python -m config.embedded

.PHONY: run test check manage seed bench-planning setup

run: setup
	$(COMMAND) run --host "$(HOST)" --port "$(PORT)" --demo "$(DEMO)"

test: setup
	$(COMMAND) test $(ARGS)

check: setup
	$(COMMAND) check

manage: setup
	$(COMMAND) manage $(ARGS)

seed: setup
	$(COMMAND) manage seed --stage "$(STAGE)"

bench-planning: setup
	@exec .venv/bin/python -m bench.planning $(ARGS)

setup:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or later (make PYTHON=...)." >&2; exit 1; }
	@$(PYTHON) -I config/embedded/bootstrap.py
