# Everything from a bare checkout: `make demo`, `make test`, `make lint`, `make test-tfc`, `make test-golden`,
# `make docs`, `make release`.
# Each makes the virtual environment that it needs, once, and again when the lists change.

.DEFAULT_GOAL := help
.PHONY: help demo test test-tfc test-golden lint format docs release clean
.DELETE_ON_ERROR:

# Candidates, tried in order; `make test PYTHON=/path/to/python3.12` to choose.
PYTHON ?= python3 python3.12 python3.11 python3.13

PIP = -m pip install --quiet --disable-pip-version-check --no-input
# Files of tests at once, 3 GB each: files, so that what a file compiles is compiled once.
WORKERS ?= 2
PARALLEL = -n $(WORKERS) --dist loadfile
# Effort's gradients take minutes to compile, and TensorFlow Compression has no part in them.
TFC_TESTS = tests/coding $(filter-out %/test_effort.py,$(wildcard tests/codec/test_*.py)) tests/test_metrics.py

# $(call make_venv,DIRECTORY,NEWEST MINOR VERSION): a fresh virtual environment.
define make_venv
	@for python in $(PYTHON); do \
	  if $$python -c 'import ensurepip, sys, venv; \
	      sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(2)))' 2>/dev/null; then \
	    echo "making $(1) with $$($$python --version)"; \
	    exec $$python -m venv --clear $(1); \
	  fi; \
	done; \
	echo "$(1) needs Python 3.11 to 3.$(2) with its venv module (on Debian: python3-venv)," \
	  "and none of these is one: $(PYTHON)." \
	  "Say where there is one: make PYTHON=/path/to/python3" >&2; \
	exit 1
endef

help:
	@echo "make demo      compress and decompress a sample photo (installs .venv, a minute or two)"
	@echo "make test      the test suite on the newest JAX"
	@echo "make test-tfc  coding, codec and metric tests beside real TensorFlow Compression (.venv-tfc)"
	@echo "make test-golden  whole models against recorded outputs of their authors' code"
	@echo "make lint      style and types"
	@echo "make format    rewrite the sources in the project's style"
	@echo "make docs      the documentation as a site, into site/"
	@echo "make release   build wheel and source distribution, and try them in fresh environments"

demo: .venv/core.stamp
	.venv/bin/hcfss demo

test: .venv/dev.stamp
	.venv/bin/python -m pytest $(PARALLEL)

test-tfc: .venv-tfc/stamp
	.venv-tfc/bin/python -m pytest $(PARALLEL) --require-tfc $(TFC_TESTS)

test-golden: .venv/dev.stamp
	.venv/bin/python -m pytest $(PARALLEL) -m golden tests

lint: .venv/dev.stamp
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv/dev.stamp
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

docs: .venv/dev.stamp
	.venv/bin/mkdocs build --strict

release:
	REPOSITORY="$(REPOSITORY)" .ci/release

clean:
	rm -rf .venv .venv-tfc .pytest_cache .mypy_cache .ruff_cache site

.venv/python.stamp:
	$(call make_venv,.venv,13)
	@touch $@

.venv/core.stamp: .venv/python.stamp pyproject.toml
	@echo "installing hcfss_jax into .venv"
	@.venv/bin/python $(PIP) -e .
	@touch $@

.venv/dev.stamp: .venv/python.stamp pyproject.toml requirements.txt
	@echo "installing hcfss_jax and what its tests need into .venv"
	@.venv/bin/python $(PIP) -r requirements.txt -e '.[dev]'
	@touch $@ .venv/core.stamp

.venv-tfc/python.stamp:
	$(call make_venv,.venv-tfc,12)
	@touch $@

.venv-tfc/stamp: .venv-tfc/python.stamp pyproject.toml requirements-tfc.txt
	@echo "installing hcfss_jax and TensorFlow Compression into .venv-tfc (2.7 GB)"
	@.venv-tfc/bin/python $(PIP) -r requirements-tfc.txt -e .
	@touch $@
