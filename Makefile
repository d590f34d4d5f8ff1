# Two commands from a fresh clone, with nothing but Python >= 3.11 and make:
#
#   make demo    the whole job on sample images, no display needed; the result is in demo/
#   make test    everything that CI checks
#
# Everything is installed into .venv inside the checkout; `make clean` removes it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/bash

# What packages come with into the environment $(1): pip, or uv where UV names it, which unpacks PyTorch once for all environments.
# PIP_OPTIONS may name another index, PIP_OPTIONS='--index-url ...'.
install = $(if $(UV),$(UV) pip install --quiet --python $(1)/bin/python,$(1)/bin/python -m pip install --quiet --disable-pip-version-check) $(PIP_OPTIONS)

# What Qt and software OpenGL need on Debian and Ubuntu; installed when root, named otherwise.
X_PACKAGES := xvfb libgl1 libegl1 libgl1-mesa-dri libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 \
	libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libdbus-1-3

# A Mac has a display of its own. Two sets of window tests at a time need numbers of their own.
DISPLAY_NUMBER := 99
XVFB = $(if $(filter Darwin,$(shell uname -s)),,xvfb-run -a -n $(DISPLAY_NUMBER) -s "-screen 0 1600x1200x24")

.PHONY: help demo test pytest pytest-window pytest-library pytest-library-long pytest-library-rest environment-lowest test-lowest test-lowest-core test-wheel check check-style check-format check-types check-layers check-manifest clean display
help:
	@sed -n 's/^# \{0,1\}//;3,4p' Makefile

demo: $(VENV)/installed
	@test ! -e demo || { echo "demo/ is here already; look at it, or remove it and run make demo again" >&2; exit 1; }
	$(BIN)/seminar demo --out demo

# A part that fails does not keep the others from running; any of them makes it fail. `make -j2 -O test` runs two parts at a time.
# The window's tests have a process of their own: torch must not be loaded where napari has a canvas.
WINDOW_TESTS := tests/seminar_napari $(sort $(wildcard tests/e2e/test_window_*.py))
LIBRARY_TESTS := $(addprefix --ignore=,$(WINDOW_TESTS))

test: $(VENV)/installed-dev display
	@$(MAKE) --no-print-directory --keep-going check pytest-library pytest-window

pytest: $(VENV)/installed-dev display
	@$(MAKE) --no-print-directory --keep-going pytest-library pytest-window

pytest-window: $(VENV)/installed-dev
	@$(MAKE) --no-print-directory display
	@$(XVFB) $(BIN)/python -m pytest $(PYTEST_OPTIONS) $(WINDOW_TESTS)

pytest-library: $(VENV)/installed-dev
	@$(BIN)/python -m pytest -p no:napari -p no:napari-plugin-engine -p no:npe2 $(PYTEST_OPTIONS) $(LIBRARY_TESTS)

# The same in two parts, which CI runs next to each other.
LONG_TESTS := $(addprefix tests/seminar/,export inference runtime training)
pytest-library-long:
	@$(MAKE) --no-print-directory pytest-library LIBRARY_TESTS='$(LONG_TESTS)'
pytest-library-rest:
	@$(MAKE) --no-print-directory pytest-library LIBRARY_TESTS='$(LIBRARY_TESTS) $(addprefix --ignore=,$(LONG_TESTS))'

# The quick tests with the oldest versions that we say we work with; `make test-lowest-core` takes those where the versions of napari
# and torch show: the window by mouse and keyboard, what it draws, its manifest; networks, steps, checkpoints, a run from both stages
# to its resume, files of earlier versions, prediction, the exporters.
LOWEST := torch==2.8.0 torchvision==0.23.0 napari==0.9.0
LOWEST_WINDOW := tests/e2e/test_window_annotate.py $(addprefix tests/seminar_napari/,layers test_manifest.py \
	$(addprefix annotate/test_,annotation.py click_edits.py keys_and_mouse.py shown_clicks.py undo.py) \
	$(addprefix inspect/,test_linked_grid.py test_overlays.py test_tab.py next_click/test_walk.py))
LOWEST_LIBRARY := tests/e2e/test_old_files.py $(addprefix tests/seminar/,inference/test_predictor.py export training/test_learner.py \
	$(addprefix models/,test_checkpoint.py test_deeplab.py test_ema.py test_probe.py backbones/test_build.py backbones/test_pyramid.py)) \
	$(addprefix tests/seminar/training/test_trainer.py::test_a_,run_goes_through_both_stages_and_leaves_what_predicts \
	resumed_run_equals_an_uninterrupted_one_bit_for_bit) \
	tests/faults/test_full_disk.py::test_an_export_on_a_full_disk_is_one_sentence_and_no_file

environment-lowest:
	@$(MAKE) --no-print-directory VENV=.venv-lowest PINNED='$(LOWEST)' .venv-lowest/installed-dev

test-lowest:
	@$(MAKE) --no-print-directory pytest VENV=.venv-lowest PINNED='$(LOWEST)' DISPLAY_NUMBER=199 PYTEST_OPTIONS="-m 'not slow' $(PYTEST_OPTIONS)"

test-lowest-core:
	@$(MAKE) --no-print-directory test-lowest WINDOW_TESTS='$(LOWEST_WINDOW)' LIBRARY_TESTS='$(LOWEST_LIBRARY)'

# The wheel alone in an environment of its own: imports, manifest, and the command line from a new project to predictions.
test-wheel:
	rm -rf .venv-wheel build/wheel
	$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel $(PIP_OPTIONS) .
	$(call install,.venv-wheel) "$$(ls $(CURDIR)/build/wheel/*.whl)[all]"
	cd .venv-wheel && QT_QPA_PLATFORM=offscreen bin/python -P ../tests/faults/try_installation.py

# What needs no display.
check: check-style check-format check-types check-layers check-manifest
check-style: $(VENV)/installed-dev
	$(BIN)/ruff check
check-format: $(VENV)/installed-dev
	$(BIN)/ruff format --check
check-types: $(VENV)/installed-dev
	$(BIN)/mypy
check-layers: $(VENV)/installed-dev
	$(BIN)/lint-imports --no-cache
check-manifest: $(VENV)/installed-dev
	$(BIN)/python -m npe2 validate seminar-napari

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "expected Python 3.11 or newer, '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || true); name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo "could not make $(VENV); on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/python pyproject.toml
	$(call install,$(VENV)) --editable '.[weights]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/python pyproject.toml
	$(call install,$(VENV)) --editable '.[dev]' $(PINNED)
	@touch $@ $(VENV)/installed

display:
	@test -z '$(XVFB)' || ! command -v dpkg-query >/dev/null || { \
		missing=$$(for package in $(X_PACKAGES); do \
			dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q '^install ok' || echo $$package; done); \
		test -z "$$missing" || { \
			test $$(id -u) = 0 || { echo "the window's tests need a display; run: sudo apt-get install" $$missing >&2; exit 1; }; \
			apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends $$missing >/dev/null; }; }
	@test -z '$(XVFB)' || command -v xvfb-run >/dev/null || { \
		echo "the window's tests need a display: install Xvfb (xvfb-run) and software OpenGL" >&2; exit 1; }

clean:
	rm -rf $(VENV) .venv-lowest .venv-uv .venv-wheel demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
