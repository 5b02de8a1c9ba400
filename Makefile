# Everything anyone needs: `make demo`, `make test`; see README.md.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What the tests use of Debian, one package a line.
PACKAGES := tests/servers/packages.txt

.PHONY: install demo test check bench clean packages

install: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nightclerk needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || sh tests/servers/apt.sh python3-venv
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing nightclerk and what it needs into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/nightclerk --config config.yaml run all

$(VENV)/.tested: $(STAMP)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all,dev]'
	@touch $@

packages:
	@sh tests/servers/apt.sh $$(grep -v '^#' $(PACKAGES))

test: $(VENV)/.tested packages
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(PYTEST)

check: $(VENV)/.tested
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q tests/test_imports.py

bench: $(VENV)/.tested
	@$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) var out
