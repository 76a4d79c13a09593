# odatis-kg, for people who have just cloned it.
#
#   make demo     the whole system with its demonstration records, at http://localhost:8000/
#   make test     the tests
#
# Everything is installed into .venv, with the versions pinned in constraints.txt.

# A Python of 3.11 or newer; override it with `make PYTHON=/path/to/python demo`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
INSTALL := PIP_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet
TESTS ?= tests
WORKERS ?= 2

.PHONY: help demo test virtuoso check docs bench wheel clean
help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.run ## build the graph of the demonstration records and serve it
	@$(BIN)/odatis-kg demo --port $(PORT)

test: $(VENV)/.dev ## run the tests
	@$(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

virtuoso: $(VENV)/.virtuoso ## unpack Debian's Virtuoso beside the tests, which then include it; nothing is installed

check: $(VENV)/.dev ## types, style, dead code, mapping tables
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vulture
	$(BIN)/odatis-kg lint-mappings --cases tests/fixtures/functions tests/fixtures/records

docs: $(VENV)/.run ## write the pages of docs/ that are made from the code
	$(BIN)/odatis-kg settings --markdown > docs/settings.md
	$(BIN)/odatis-kg document-mappings docs/mapping tests/fixtures/records

bench: $(VENV)/.dev ## measure against Oxigraph's own programs, a few minutes
	$(BIN)/python -m benchmarks

wheel: $(VENV)/.dev ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

clean: ## remove what make made, but no data
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache

# Stamps: each is made again only when what it depends on has changed.
$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "odatis-kg needs Python 3.11 or newer: install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@echo "Making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "This Python cannot make virtual environments (on Debian: apt install python3-venv)"; exit 1; }
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt odatis_kg/__init__.py
	@echo "Installing odatis-kg and what it needs"
	@$(INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "Installing what the tests need"
	@$(INSTALL) --editable '.[dev]'
	@touch $@

# The program alone, without a service; the second package is a library that it needs and few machines have.
$(VENV)/.virtuoso: $(VENV)/.made
	@mkdir -p $(VENV)/virtuoso
	@cd $(VENV)/virtuoso && apt-get download --quiet virtuoso-opensource-7-bin && { apt-get download --quiet libpcre3 || true; }
	@cd $(VENV)/virtuoso && for package in *.deb; do dpkg --extract "$$package" . && rm "$$package"; done
	@touch $@
