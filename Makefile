# Every target sets up what it needs, in .venv, from the package registries.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
VERSION := $(shell "$(PYTHON)" -c 'import platform; print(platform.python_version())')
READY = $(VENV)/.ready-$(VERSION)

.PHONY: demo test crash check sync clean

demo: $(READY)
	$(BIN)/a3s-code demo $(ARGS)

test: $(READY)
	$(BIN)/python tools/run_tests.py $(ARGS)

# A kill at every point, a thousand at random, damage to every byte: takes minutes.
crash: $(READY)
	A3S_CRASH=all $(BIN)/python tools/run_tests.py -s -o faulthandler_timeout=0 tests/crash $(ARGS)

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python tools/gen_sync.py --check
	$(BIN)/python tools/gen_extension_points.py --check

sync: $(READY)
	$(BIN)/python tools/gen_sync.py
	$(BIN)/python tools/gen_extension_points.py

$(READY): pyproject.toml tools/setup_venv.sh
	sh tools/setup_venv.sh "$(PYTHON)" "$(VENV)" "$(READY)"

clean:
	rm -rf .venv* .pytest_cache .ruff_cache .hypothesis dist build
