# Two commands on a fresh machine (Python 3.11 or newer, pip, make): `make demo`, `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Progress of pip is noise here; what fails is still shown.
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check install --quiet

.PHONY: demo demo-aws test coverage fast check docs scan bench clean schema package image release simulate mutants soak changelog new-check new-source

demo: $(READY)
	@$(BIN)/restorecheck demo

# The RDS story, in a simulated AWS: two accounts, three nights and an accident. Of a cluster: make demo-aws DEMO=--aurora
demo-aws: $(READY)
	@$(BIN)/restorecheck demo aws $(DEMO)

# Every promise, in minutes: of what is slow, a share that differs from run to run (tests/slow.py).
test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --quick $(PYTEST_ARGS)

# Every test. After `make test`, PYTEST_ARGS=--rest and the same RESTORECHECK_SEED: what it left out.
test-all: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile $(PYTEST_ARGS)

# `make test`, and what of the pure rooms it has passed through: lines and branches.
coverage: export RESTORECHECK_COVERAGE = $(CURDIR)/.coverage.d
coverage: $(READY)
	rm -rf .coverage.d && mkdir .coverage.d
	$(MAKE) test
	$(BIN)/python -m tests.coverage

# What has changed since main: lint, types, and the unit tests that are near to it, in twenty seconds.
fast: $(READY)
	@$(BIN)/python -m tools.fast

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/cfn-lint
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The documentation as a site on 127.0.0.1, built again whenever a page changes.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr 127.0.0.1:8000

# The static scanner (.ci/run installs it), with .checkov.yaml: every exception with its reason.
scan: $(READY)
	$(VENV)/scanner/bin/checkov --config-file .checkov.yaml

# Every effect of a night, every fault, every rescue; `make test` runs what has the most to tell of it.
simulate: $(READY)
	SIMULATION=all $(BIN)/python -m pytest -q tests/simulation/test_every_fault.py tests/simulation/test_unknowns.py

# Plants bugs, one after the other; each must turn a test red. JOBS=2 for two at a time.
mutants: $(READY)
	$(BIN)/python -m tests.mutants.run --jobs $(or $(JOBS),1)

# Weeks in which chance decides. The seed is printed; one that fails is kept in tests/simulation/seeds.txt.
soak: $(READY)
	$(BIN)/python -m tests.simulation.chaos --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

# Ratios, side by side; at the end docs/explanation/speed.md, which takes a quiet machine. BENCH_PEERS=FOLDER installs the peers there.
bench: export BENCH_FILE = $(CURDIR)/dist/bench.jsonl
bench: $(READY)
	mkdir -p dist && rm -f $(BENCH_FILE)
	$(BIN)/python tests/bench/bench.py
	$(BIN)/python -m tests.bench.bench_forms
	$(BIN)/python -m tests.bench.bench_storages
	$(BIN)/python -m tests.bench.bench_tables
	$(BIN)/python -m tests.bench.bench_physical
	$(BIN)/python tests/bench/bench_checks.py
	$(BIN)/python tests/bench/bench_prove.py
	$(BIN)/python -m tests.bench.bench_store
	$(BIN)/python tests/bench/bench_rds.py
	$(BIN)/python tests/bench/bench_history.py
	$(BIN)/python -m tests.bench.bench_evidence
	$(BIN)/python tests/bench/bench_functions.py
	$(BIN)/python -m tests.bench.bench_scale
	$(BIN)/python -m tests.bench.bench_deployed
	$(BIN)/python -m tests.bench.measured $(BENCH_FILE) > docs/explanation/speed.md

# The templates and the packages of the AWS functions, for both architectures.
package: $(READY)
	$(BIN)/restorecheck infra export --to dist/arm64 --architecture arm64 $(if $(CA_BUNDLE),--ca-bundle $(CA_BUNDLE))
	$(BIN)/restorecheck infra export --to dist/x86_64 --architecture x86_64 $(if $(CA_BUNDLE),--ca-bundle $(CA_BUNDLE))

# The container image localhost/restorecheck:VERSION, by podman; IMAGE_BASE names another base. Fetches packages.
image: $(READY)
	$(BIN)/python -m tools.release.image

# Everything that a release has, in dist/release: wheel, sdist, image (after `make image`), chart, templates, notes, SBOM,
# provenance, checksums. Fetches and publishes nothing. RELEASE_KEY: a private key that signs the provenance.
release: $(READY)
	$(BIN)/python -m tools.release

# Writes the reference pages that are made from the models; a test compares them.
schema: $(READY)
	$(BIN)/python -m tests.write_reference
	$(BIN)/python -m tests.failures

# The files of a new kind of check or source, and its lines where kinds are listed; its test is red until it is filled in.
new-check new-source: $(READY)
	@$(BIN)/python -m tools.new $(@:new-%=%) "$(NAME)"
	@$(BIN)/ruff check --quiet --fix --select I restorecheck tests
	@$(MAKE) --no-print-directory schema

# A release: the files of changes/ become the newest section of CHANGELOG.md.
changelog: $(READY)
	$(BIN)/towncrier build --yes

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.d dist build
	rm -rf "$${TMPDIR:-/tmp}/demo-restorecheck-$$(id -u)" "$${TMPDIR:-/tmp}/restorecheck-demo-aws-$$(id -u).html"
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment without its own pip needs no ensurepip, which some distributions split off.
$(READY): pyproject.toml constraints-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "restorecheck needs Python 3.11 or newer; name one with: make PYTHON=python3.12 …"; exit 1; }
	@echo "Installing into $(VENV) (once) …"
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PIP) --require-hashes -r constraints-dev.txt
	@$(PIP) --no-build-isolation --no-deps -e .
	@touch $(READY)
