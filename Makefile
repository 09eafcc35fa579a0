# Everything that one types. Needs Python 3.11, git and make; the rest is installed into .venv.

SHELL := bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3.11
BIN := $(CURDIR)/.venv/bin
UV := 0.13.8
export PATH := $(BIN):$(PATH)
# DVC writes outside the repository and calls home unless told not to; `heatmark` tells it, and so that one's own `dvc`
# commands are told too, `make shell` opens a shell with all this.
export DVC_NO_ANALYTICS := 1
export DVC_SITE_CACHE_DIR := $(CURDIR)/.state/dvc
export DVC_GLOBAL_CONFIG_DIR := $(CURDIR)/.state/dvc
export DO_NOT_TRACK := true

NUM_FACES := 600
SEED := 0
SET ?= train.lr=0.001
# A file's tests share what takes long to make, so they stay together.
BOTH_CORES := --numprocesses 2 --dist loadfile

.PHONY: help demo retrain test test-slow test-nightly test-faults test-deployment lint data pages schedule exp bench lock clean shell

help:  ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/.done: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Heatmark needs Python 3.11; set PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	# uv does not read pip's configuration; this makes it look for local wheels where pip does.
	UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" $(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode requirements.lock
	# This folder's own code and its command, in place: nothing is copied, nothing fetched.
	$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q components pipelines flows studies heatmark
	touch $@

demo: .venv/.done  ## the whole path on drawn faces, in minutes
	heatmark demo --num-faces $(NUM_FACES) --seed $(SEED)

retrain: .venv/.done  ## the same by RECIPE=..., on the dataset in DATA=...
	heatmark retrain $(if $(RECIPE),--recipe $(RECIPE)) $(if $(DATA),--data $(DATA))

data: .venv/.done  ## draw the demo's faces into data/synthetic
	heatmark draw data/synthetic --num-faces $(NUM_FACES) --seed $(SEED)

test: .venv/.done  ## the tests, a whole flow among them
	pytest $(BOTH_CORES) -m "not slow and not nightly and not faults and not deployment"

test-slow: .venv/.done  ## the longer ones: more flows, clusters, hostile data
	pytest $(BOTH_CORES) -m slow

test-nightly: .venv/.done  ## new data, a person's word on Prefect's page, a last look, a version made again
	pytest $(BOTH_CORES) -m nightly

test-faults: .venv/.done  ## what runs is killed, stopped and changed
	pytest $(BOTH_CORES) -m faults

test-deployment: .venv/.done  ## the whole flow on PostgreSQL, an S3 store and two Ray nodes; a restore
	ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 || { test $$(id -u) = 0 && apt-get update -q && apt-get install -qy postgresql; } \
		|| { echo "this needs PostgreSQL: install your distribution's package, or be root to have it installed"; exit 1; }
	pytest -m deployment

lint: .venv/.done  ## format, lint, types, floors
	ruff format --check .
	ruff check .
	mypy
	lint-imports

pages: .venv/.done  ## MLflow's and Prefect's pages, on this machine only
	heatmark pages

schedule: .venv/.done  ## retrain by RECIPE=... at CRON='0 3 * * *', until Ctrl-C
	heatmark schedule $(if $(CRON),--cron '$(CRON)') $(if $(RECIPE),--recipe $(RECIPE)) $(if $(DATA),--data $(DATA))

exp: .venv/.done  ## one experiment: SET=train.lr=0.001
	heatmark exp $(SET)

bench: .venv/.done  ## the data path against a plain loader
	heatmark study data-path

lock: .venv/.done  ## requirements.lock from pyproject.toml; uv.lock would write down where wheels were found
	# uv would keep to the pin below, which no local wheel's name equals, and take the index's torch with all of CUDA.
	sed -i '/^torch==/d' requirements.lock
	UV_FIND_LINKS="$${PIP_FIND_LINKS:-}" uv pip compile pyproject.toml --group dev --python-version 3.11 --quiet \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock > /dev/null
	sed -i 's/^torch==\([0-9.]*\)+.*/torch==\1/' requirements.lock

shell: .venv/.done  ## a shell in which heatmark and dvc are at hand
	$${SHELL:-bash}

clean:  ## remove what was made, runs and registered models too; data/ stays
	rm -rf artifacts runs .state .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find reports -type f ! -name metrics.json -delete 2> /dev/null || true
