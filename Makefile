PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test check torture bench-collector bench-store clean

demo: $(READY)
	$(BIN)/smsanalytics demo

test: $(READY)
	$(BIN)/pytest --numprocesses auto --dist loadfile

torture: $(READY)
	PYTHONPATH=tests $(BIN)/python -m torture $(ONLY)

bench-collector: $(READY)
	$(INSTALL) --editable '.[dev,bench]'
	$(BIN)/python -m benchmarks.collector $(OPTIONS)

bench-store: $(READY)
	$(BIN)/python -m benchmarks.store $(OPTIONS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "smsanalytics needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "installing into $(VENV), which takes a minute or two, once"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable '.[dev]'
	@touch $(READY)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
