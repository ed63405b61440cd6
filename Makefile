# The two commands to know are `make demo` and `make test`. Every target can be repeated safely.
# ARGS is passed on to the command: make demo ARGS=--once

VENV := .venv
BIN  := $(VENV)/bin
# Touched after an installation: what the bot needs to run, and what tests and checks need as well.
RUN  := $(VENV)/.installed
DEV  := $(VENV)/.installed-dev
# The first of these that is new enough makes the virtual environment; PYTHON=... names another.
PYTHON ?=
VERSIONS := 3.11 3.12 3.13
PYTHONS = $(or $(PYTHON),python3.11 python3.12 python3.13 python3)
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
BUILD_REQUIRES = import tomllib; \
    print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
NPM  := tests/sandbox/npm
AXE  := tests/browser
# Libraries of the table of clients: those from PyPI that share their name, each in an environment of its own.
CLIENTS := .venv-clients
NAMESAKES := $(patsubst tests/clients/requirements/%.in,%,$(wildcard tests/clients/requirements/*.in))
TDLIB := tests/clients/tdlib
# Packages of npm run no scripts of theirs: nothing is compiled.
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund
PIP  := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# setuptools, which builds tgbot, is in the locks too: the build downloads nothing.
LOCKED := $(PIP) --require-hashes --requirement
TGBOT  := $(PIP) --no-deps --no-build-isolation --editable .
# What `make lock` makes the locks with, in an environment of its own.
UV   := uv==0.13.9
LOCKER := $(VENV)/lock
COMPILE := $(LOCKER)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --custom-compile-command "make lock"
# Tests wait more than half of the time: twice as many at a time as there are processors.
PYTEST = $(BIN)/pytest -q -n $$((2 * $$(getconf _NPROCESSORS_ONLN))) --dist worksteal
ARGS ?=

.PHONY: help setup demo run check types style test coverage versions mutants fuzz lock npm clients libraries tdlib desktop browser clicks \
    layers bench profile crash failover soak clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

setup: $(DEV) ## make the virtual environment .venv and install everything into it

demo: $(RUN) ## show a bot that talks on a server of its own: no token, no network (ARGS=--once: no prompt at the end)
	@$(BIN)/tgbot demo $(ARGS)

run: $(RUN) ## run the bot with config.toml and the environment
	@exec $(BIN)/tgbot run $(ARGS)

check: $(DEV) ## check style, types, layers and dead code
	@$(MAKE) --no-print-directory -j 2 types style

types: $(DEV) ## check types: takes three times as long as the other checks together
	$(BIN)/mypy

style: $(DEV) ## check style, layers and dead code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/vulture

test: $(DEV) ## run all tests (ARGS="-k name" for some of them)
	@$(BIN)/python -m compileall -q -j 0 tgbot  # hundreds of tests start the command, also where Python keeps no bytecode
	$(PYTEST) $(ARGS)

# To see each line costs half as much time again.
coverage: $(DEV) ## run all tests, with a floor for the lines that they reach
	$(PYTEST) --cov --cov-report=

versions: ## run all tests with each supported version of Python
	@for version in $(VERSIONS); do \
	    echo "Python $$version" >&2; \
	    $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=python$$version || exit 1; \
	done

mutants: $(DEV) ## change the code in one place at a time; tests must fail (ARGS="tgbot.core.links*" for some code)
	$(BIN)/mutmut run $(ARGS)
	$(BIN)/mutmut results

npm: $(DEV) $(NPM)/node_modules/.package-lock.json ## test the sandbox with clients from npm (needs node)
	$(BIN)/pytest -q $(NPM) $(ARGS)

clients: libraries ## run bots and people on other libraries, and print what works (ARGS="--ci", ARGS=Pyrofork)
	@$(BIN)/python -m tests.clients $(ARGS)

# The installations take seconds, and go on side by side. Without npm its libraries are left out in words.
libraries: $(DEV) ## install the libraries of the table of clients
	@$(MAKE) --no-print-directory -j 3 $(NAMESAKES:%=$(CLIENTS)/%/.installed) \
	    $(if $(shell command -v npm),$(NPM)/node_modules/.package-lock.json) >&2

tdlib: $(DEV) $(TDLIB)/node_modules/.package-lock.json ## run TDLib on the sandbox and print what it says of it (needs npm)
	@$(BIN)/python -m tests.clients TDLib --judge $(ARGS)

desktop: $(DEV) ## run Telegram Desktop on the sandbox: sign in, press Start and a button (ARGS=--display: for you)
	@$(BIN)/python -m tests.clients.desktop $(ARGS)

browser: $(DEV) ## test the pages in a real browser (as root, installs chromium)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || \
	{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null || \
	    { echo "tgbot: this needs chromium and chromedriver (Debian: apt-get install chromium chromium-driver)" >&2; \
	      exit 1; }; \
	  echo "installing chromium, once ..." >&2; \
	  apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium chromium-driver fonts-dejavu-core \
	    fonts-noto-color-emoji; }
	@! command -v npm >/dev/null || test -d $(AXE)/node_modules/axe-core || (cd $(AXE) && npm ci --no-audit --no-fund)
	$(BIN)/pytest -q tests/browser $(ARGS)

layers: $(DEV) ## write the definitions of Telegram's layers anew, out of releases of libraries (needs npm)
	$(BIN)/python -m tools.layers

bench: $(DEV) ## measure what a /start and a call cost beside other clients, a start, and a million users
	@$(BIN)/pytest -q -m bench tests/benchmarks
	$(BIN)/python -m benchmarks.start $(ARGS)
	$(BIN)/python -m benchmarks.sends
	$(BIN)/python -m benchmarks.idle
	$(BIN)/python -m benchmarks.registry
	$(BIN)/python -m benchmarks.broadcast
	$(BIN)/python -m benchmarks.broadcast_whole
	$(BIN)/python -m benchmarks.broadcast_store
	$(BIN)/python -m benchmarks.usernames
	$(BIN)/python -m benchmarks.transfer
	$(BIN)/python -m benchmarks.control
	$(BIN)/python -m benchmarks.report

profile: $(DEV) ## show where the time of a /start goes, and draw profile.svg, a flame graph (ARGS=--known)
	@$(BIN)/python -m benchmarks.profile $(ARGS)

failover: $(DEV) ## have one node take over from another 100 times under load; status 1 on any loss (ARGS="kill --rounds 0.2")
	@$(BIN)/python -m tests.scenarios.long_failover $(ARGS)

crash: $(DEV) ## kill the bot hundreds of times under load; status 1 on any loss (ARGS="kill --seed 5", --rounds 0.2)
	@$(BIN)/python -m tests.scenarios.long_crash $(ARGS)

clicks: $(DEV) ## record 100 rounds of random clicks on the page, and run them as tests (ARGS="20 1": 20 from seed 1)
	@$(BIN)/python -m tests.testing.clicks $(ARGS)

soak: $(DEV) ## run the bot under load and faults for 30 minutes; status 1 if it grows (ARGS="--minutes 5")
	@$(BIN)/python -m tests.scenarios.soak $(ARGS)

fuzz: $(DEV) ## read damaged bytes for a minute; status 1 if they break anything (ARGS="--seconds 600", ARGS=sandbox)
	@$(BIN)/python -m tests.fuzz $(ARGS)

lock: $(BIN)/python ## pin all dependencies anew in requirements*.lock (ARGS=--upgrade for the newest)
	@test -x $(LOCKER)/bin/uv || { $(BIN)/python -m venv $(LOCKER) && \
	    $(LOCKER)/bin/python -m pip install --quiet --disable-pip-version-check $(UV); }
	@$(BIN)/python -c '$(BUILD_REQUIRES)' >$(LOCKER)/build.in
	$(COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml $(LOCKER)/build.in
	@for each in $(NAMESAKES); do $(COMPILE) $(ARGS) --no-emit-package pyaes \
	    --output-file tests/clients/requirements/$$each.lock tests/clients/requirements/$$each.in || exit 1; done
	$(COMPILE) $(ARGS) --output-file requirements-dev.lock --extra dev --extra chart --constraint requirements.lock \
	    pyproject.toml $(LOCKER)/build.in

clean: ## remove virtual environments and caches, never sessions/
	rm -rf .venv .venv-* build *.egg-info mutants .coverage .coverage.* \
	    .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@for python in $(PYTHONS); do \
	    $$python -c '$(NEW_ENOUGH)' 2>/dev/null || continue; \
	    $$python -m venv --clear $(VENV) && exit 0; \
	    rm -rf $(VENV); \
	    echo "tgbot: $$python has no venv module (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; \
	done; \
	echo "tgbot: needs Python 3.11 or newer; none of these is: $(PYTHONS) (another one: make PYTHON=/path/to/python)" >&2; exit 1

$(RUN): pyproject.toml requirements.lock | $(BIN)/python
	@echo "installing into $(VENV), once ..." >&2
	@$(LOCKED) requirements.lock
	@$(TGBOT)
	@touch $@

$(DEV): pyproject.toml requirements-dev.lock | $(BIN)/python
	@echo "installing into $(VENV), tests and checks included, once ..." >&2
	@$(LOCKED) requirements-dev.lock
	@$(TGBOT)
	@touch $(RUN) $@

$(NPM)/node_modules/.package-lock.json: $(NPM)/package-lock.json
	@command -v npm >/dev/null || { echo "tgbot: this needs node and npm" >&2; exit 1; }
	cd $(NPM) && $(NPM_CI)
	@touch $@

$(TDLIB)/node_modules/.package-lock.json: $(TDLIB)/package-lock.json
	@command -v npm >/dev/null || { echo "tgbot: this needs node and npm" >&2; exit 1; }
	cd $(TDLIB) && $(NPM_CI)
	@touch $@

$(CLIENTS)/%/.installed: tests/clients/requirements/%.lock | $(BIN)/python
	@rm -rf $(CLIENTS)/$*
	@$(BIN)/python -m venv $(CLIENTS)/$*
	@$(CLIENTS)/$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement $<
	@touch $@
