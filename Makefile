# Everything runs in .venv, which any target sets up when it is missing or out of date.
PYTHON ?= python3
BIN := .venv/bin
# Two files of tests at a time: most of them wait for programs. A file's own tests share what it sets up.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run test test-fast lint format bench bench-data bench-train lock pipeline clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

run: .venv/ready ## Draw sample data and run the whole pipeline on it, without Docker
	$(BIN)/scenery sample sample-data
	$(BIN)/scenery run --data sample-data

test: .venv/ready ## Run all tests; those in containers need a Docker engine and are skipped without one
	$(PYTEST)

test-fast: .venv/ready ## Run the tests that take no training, containers or clusters
	$(PYTEST) -m "not slow"

lint: .venv/ready ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

format: .venv/ready ## Put the code into the project's format
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: .venv/ready ## Measure what the pipeline costs beyond its steps' own work
	$(BIN)/python -m tests.benchmarks.chain

bench-data: .venv/ready ## Measure ingest and split against named peers
	$(BIN)/python -m tests.benchmarks.decoding
	$(BIN)/python -m tests.benchmarks.near_duplicates
	$(BIN)/python -m tests.benchmarks.splits

ON_DATA = $(if $(DATA),--data '$(DATA)')
bench-train: .venv/ready ## Measure training against named peers, on DATA=folder if given; takes some two hours
	$(BIN)/python -m tests.benchmarks.loop
	$(BIN)/python -m tests.benchmarks.head
	$(BIN)/python -m tests.benchmarks.workers
	$(BIN)/python -m tests.benchmarks.augmentation
	$(BIN)/python -m tests.benchmarks.precision
	$(BIN)/python -m tests.benchmarks.imbalance $(ON_DATA)
	$(BIN)/python -m tests.benchmarks.recipe $(ON_DATA) --seeds 0 1 2
	$(if $(DATA),$(BIN)/python -m tests.benchmarks.accuracy $(ON_DATA))

pipeline: .venv/ready ## Compile pipeline.yaml
	$(BIN)/scenery compile

# The first is what people work with; the others are what the images install, at the same versions.
GROUPS := core ingest split tensorflow-cpu tensorflow-gpu train tune evaluate export
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"
lock: .venv/ready ## Lock the dependencies of every group: versions and hashes
	$(BIN)/$(LOCK) --group pyproject.toml:dev --output-file requirements.txt
	for group in $(GROUPS); do \
		$(BIN)/$(LOCK) --group pyproject.toml:$$group --constraint requirements.txt \
			--output-file images/requirements/$$group.txt || exit 1; \
	done

clean: ## Remove the environment, the sample data and all runs
	rm -rf .venv sample-data runs build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Scenery needs Python 3.11 to 3.13; %s is Python %d.%d. Name another: make PYTHON=python3.12" % (sys.executable, *v))'
	@echo "setting up .venv: about a minute, once"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/ready
