# `make` alone prints help. CI, the README and people use the same targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
READY := $(VENV)/.ready
WEIGHTS_READY := $(VENV)/.weights
EXTRAS := gateway library ingest separation slicing tagging analysis midi transcribe export
GPU_EXTRAS := midi separation tagging
SONG ?=
KILLS ?= 40
JOBS ?= 200
CASES ?= 5500
SCHEDULES ?= 2000
MUTANTS ?= 1000
EVERY ?= 1
IMAGES ?=
ARGS ?=

WEB := clients/web
WEB_MODULES := $(WEB)/node_modules/.ready
# The OpenID Connect provider that the tests of sign-in start.
OIDC := tests/oidc
OIDC_MODULES := $(OIDC)/node_modules/.ready
# AsyncAPI's own parser, which checks contracts/schemas/asyncapi.yaml.
ASYNCAPI := tests/asyncapi
ASYNCAPI_MODULES := $(ASYNCAPI)/node_modules/.ready
WEB_SOURCES := $(shell find $(WEB) \( -name node_modules -o -name dist -o -name tests \) -prune -o -type f -print 2>/dev/null)
# Whether the web client can be built here.
HAS_NODE := node -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null && command -v npm >/dev/null

# Runs a script of the web client's package.json; without Node it says so.
with_node = if $(HAS_NODE); then $(MAKE) $(WEB_MODULES) && cd $(WEB) && echo "npm run $(1)" && npm run --silent $(1); \
  else echo "Node 20 with npm is missing: the web client's \"$(1)\" is left out."; fi

export PYTHONUNBUFFERED := 1
export UV_LINK_MODE ?= copy

##@ Use
.PHONY: run
run: setup best-weights web-if-possible ## Start the whole server in one process tree, on one port; prints a link that opens it signed in
	$(BIN)/python -m embedded --sign-in $(ARGS)

.PHONY: demo
demo: setup best-weights web-if-possible ## Start the server and process the demo song; SONG=path processes your own
	$(BIN)/python -m examples.demo $(if $(SONG),--song "$(SONG)") $(ARGS)

.PHONY: sign-in
sign-in: setup ## Print a one-time link that opens the running server signed in; ARGS=EMAIL for another account
	@$(BIN)/python -m embedded.sign_in $(ARGS)

.PHONY: stop
stop: setup ## Stop the server that the demo left running
	$(BIN)/python -m examples.demo --stop

.PHONY: best-weights
best-weights: setup ## Download and verify the best weights that this machine can reach
	$(BIN)/python -m kit.weights fetch

.PHONY: weights
weights: $(WEIGHTS_READY) ## Download and verify only the default weights, which tests and benchmarks use

$(WEIGHTS_READY): $(READY) $(wildcard services/*/weights.toml)
	$(BIN)/python -m kit.weights fetch --pinned
	@touch $@

##@ Build
.PHONY: setup
setup: $(READY) ## Create the project's virtual environment

$(READY): requirements/dev.txt pyproject.toml clients/python/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Cratedig needs Python 3.11 to 3.13; '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Set PYTHON=… to another one." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	@echo "Installing Cratedig's dependencies into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)"
	@$(BIN)/uv pip install --python $(BIN)/python --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps -e . -e clients/python
	@touch $@

.PHONY: web
web: ## Build the web client if its sources changed; needs Node 20 or newer
	@$(HAS_NODE) || { echo "The web client needs Node 20 or newer with npm: on Debian and Ubuntu install nodejs and npm." >&2; exit 1; }
	@$(MAKE) $(WEB)/dist/index.html

.PHONY: web-if-possible
web-if-possible:
	@if $(HAS_NODE); then \
	  $(MAKE) $(WEB)/dist/index.html || echo "The web client could not be built, so the server runs with the page of the last build, if there is one." >&2; \
	elif [ ! -f $(WEB)/dist/index.html ]; then \
	  echo "Node 20 with npm is missing, so the server runs without its web page; the API and the command line work."; \
	fi

$(WEB_MODULES): $(WEB)/package.json $(WEB)/package-lock.json
	@echo "Installing the web client's dependencies into $(WEB)/node_modules …"
	@cd $(WEB) && npm ci --loglevel=error
	@touch $@

.PHONY: oidc-provider
oidc-provider: ## Install the OpenID Connect provider of the tests of sign-in; needs Node 20 or newer
	@if $(HAS_NODE); then $(MAKE) $(OIDC_MODULES); \
	  else echo "Node 20 with npm is missing: the tests that sign in with a provider are left out."; fi

$(OIDC_MODULES): $(OIDC)/package.json $(OIDC)/package-lock.json
	@echo "Installing the tests' OpenID Connect provider into $(OIDC)/node_modules …"
	@cd $(OIDC) && npm ci --loglevel=error
	@touch $@

$(ASYNCAPI_MODULES): $(ASYNCAPI)/package.json $(ASYNCAPI)/package-lock.json
	@echo "Installing AsyncAPI's parser into $(ASYNCAPI)/node_modules …"
	@cd $(ASYNCAPI) && npm ci --loglevel=error
	@touch $@

$(WEB)/dist/index.html: $(WEB_MODULES) $(WEB_SOURCES)
	@echo "Building the web client into $(WEB)/dist …"
	@cd $(WEB) && npm run --silent build -- --logLevel warn
	@touch $@

.PHONY: lock
lock: ## Resolve the dependencies into requirements/*.txt
	@for extra in dev $(EXTRAS); do \
	  case $$extra in dev|gateway|library|ingest|slicing|analysis|transcribe|export) engines= ;; *) engines="--extra cpu" ;; esac; \
	  echo "requirements/$$extra.txt"; \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --extra $$extra $$engines pyproject.toml -o requirements/$$extra.txt; \
	done
	@for extra in $(GPU_EXTRAS); do \
	  echo "requirements/$$extra-gpu.txt"; \
	  $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	    --extra $$extra --extra gpu pyproject.toml -o requirements/$$extra-gpu.txt; \
	done

.PHONY: schemas
schemas: setup ## Generate contracts/schemas, the synchronous client, manifests of Kafka's topics and users, and the Helm chart
	$(BIN)/python -m embedded.schemas
	$(BIN)/python -m deploy.k8s.generate
	$(BIN)/python -m deploy.helm
	$(BIN)/python clients/python/make_sync.py
	@$(call with_node,schema)

##@ Check
# Tests and benchmarks use the same weights on every machine.
test test-% bench fuzz-audio: export KIT_PINNED_WEIGHTS := true
.PHONY: lint
lint: setup ## Check style, import rules, and that schemas are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python -m embedded.schemas --check
	$(BIN)/python -m deploy.k8s.generate --check
	$(BIN)/python -m deploy.helm --check
	$(BIN)/python clients/python/make_sync.py --check
	@$(call with_node,lint)

.PHONY: types
types: setup ## Check static types
	$(BIN)/mypy
	cd clients/python && ../../$(BIN)/mypy --strict cratedig
	@$(call with_node,types)

.PHONY: test
test: setup weights oidc-provider ## Run every test that needs no server
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not cluster and not k8s and not slow and not gpu and not daw and not images" $(ARGS)

.PHONY: test-web-short
test-web-short: setup web chromium ## Run the web client's unit tests, and short flows in a browser
	cd $(WEB) && npm test --silent && npm run --silent test:flows -- .short.flow.ts $(ARGS)

.PHONY: test-web
test-web: setup weights web chromium ## Run the web client's unit tests, and every flow in a browser
	cd $(WEB) && npm test --silent && npm run --silent test:flows -- $(ARGS)

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing chromium …"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else \
	  echo "The browser tests need Chromium: sudo apt-get install chromium" >&2; exit 1; \
	fi

.PHONY: test-cluster
test-cluster: setup weights ## Run the same suites on real Kafka, S3 and Postgres; needs Java, Maven and Go
	@$(BIN)/python -m deploy.servers up
	@status=0; umask 077; $(BIN)/python -m deploy.servers env > .services/env || status=$$?; \
	if [ $$status = 0 ]; then set -a; source .services/env; set +a; \
	  CRATEDIG_CLUSTER=required $(BIN)/python -m pytest -m "cluster and not slow" $(ARGS) || status=$$?; fi; \
	$(BIN)/python -m deploy.servers down; exit $$status

.PHONY: test-asyncapi
test-asyncapi: ## Check contracts/schemas/asyncapi.yaml with AsyncAPI's own parser; needs Node 20 or newer
	@if $(HAS_NODE); then $(MAKE) $(ASYNCAPI_MODULES) && cd $(ASYNCAPI) && node validate.mjs ../../contracts/schemas/asyncapi.yaml; \
	  else echo "Node 20 with npm is missing: the AsyncAPI document is not checked."; fi

.PHONY: test-images
test-images: setup weights image-programs ## Build every image, check what it holds, and send a song through services that run from them (IMAGES=…: some); needs root
	@$(BIN)/python -m deploy.servers up
	@status=0; umask 077; $(BIN)/python -m deploy.servers env > .services/env || status=$$?; umask 022; \
	if [ $$status = 0 ]; then set -a; source .services/env; set +a; \
	  CRATEDIG_CLUSTER=required CRATEDIG_TEST_IMAGES="$(IMAGES)" \
	  $(BIN)/python -m pytest -s -m images tests/deploy $(ARGS) || status=$$?; fi; \
	$(BIN)/python -m deploy.servers down; exit $$status

.PHONY: image-programs
image-programs:
	@if ! { command -v buildah && command -v debootstrap; } >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing buildah and debootstrap …"; apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah debootstrap >/dev/null; \
	  else \
	    echo "Images are tested with buildah and debootstrap: sudo apt-get install buildah debootstrap" >&2; exit 1; \
	  fi; \
	fi

.PHONY: audit
audit: setup ## Ask for known vulnerabilities of everything that is locked; deploy/images/waivers.toml lists accepted ones
	$(BIN)/python -m deploy.images audit

.PHONY: test-k8s
test-k8s: setup weights ## Apply deploy/k8s and its Helm chart to a real API server, and run some of its pods; needs Go, Java and Maven
	@$(BIN)/python -m deploy.servers up
	@status=0; umask 077; $(BIN)/python -m deploy.servers env > .services/env || status=$$?; \
	if [ $$status = 0 ]; then set -a; source .services/env; set +a; \
	  $(BIN)/python -m pytest -m k8s tests/k8s $(ARGS) || status=$$?; fi; \
	$(BIN)/python -m deploy.servers down; exit $$status

.PHONY: test-daw
test-daw: setup ## Open exported bundles in other programs; needs Debian's polyphone, fluidsynth, hydrogen and lmms
	$(BIN)/python -m pytest -m daw tests/export $(ARGS)

.PHONY: test-kills
test-kills: setup weights ## Kill the server repeatedly while it works: KILLS times during JOBS jobs
	CRATEDIG_TEST_KILLS=$(KILLS) CRATEDIG_TEST_KILL_JOBS=$(JOBS) \
	  $(BIN)/python -m pytest -s tests/system/test_kills.py $(ARGS)

.PHONY: test-schedules
test-schedules: setup ## Run the job table, and faulty copies of it, through SCHEDULES random schedules on SQLite, and some on Postgres
	CRATEDIG_TEST_SCHEDULES=$(SCHEDULES) \
	  $(BIN)/python -m pytest -n 2 tests/library/test_job_model.py tests/library/test_mutants.py $(ARGS)

.PHONY: test-failpoints
test-failpoints: setup ## Stop the server, or make its ports fail, at every point of a job's life (EVERY=2: at half of them)
	CRATEDIG_TEST_FAILPOINTS=$(EVERY) $(BIN)/python -m pytest -n 2 tests/library/test_failpoints.py $(ARGS)

.PHONY: test-fuzz
test-fuzz: setup weights ## Send CASES generated requests to the API's operations, and MUTANTS damaged files
	CRATEDIG_TEST_CASES=$(CASES) CRATEDIG_TEST_MUTANTS=$(MUTANTS) \
	  $(BIN)/python -m pytest -s tests/system/test_fuzz.py tests/system/test_odd_files.py $(ARGS)

.PHONY: test-all
test-all: setup weights oidc-provider ## Run every test, including the long ones
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not cluster and not k8s and not gpu and not daw and not images" $(ARGS)
	$(MAKE) test-schedules SCHEDULES=20000
	$(MAKE) test-failpoints
	$(MAKE) test-kills KILLS=200 JOBS=1000
	$(MAKE) test-fuzz CASES=250000 MUTANTS=10000
	$(MAKE) test-cluster
	$(MAKE) test-k8s

.PHONY: fuzz-audio
fuzz-audio: setup ## Send a thousand damaged files through ingest; CRATEDIG_FUZZ_COUNT and _SEED choose others
	$(BIN)/python -m pytest tests/ingest/test_damaged_files.py -m "slow or data" -s $(ARGS)

.PHONY: bench
bench: setup weights ## Print the figures in README and docs
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-search
bench-search: setup ## Print the figures of searches over 100,000 items; ARGS=--million also over a million
	$(BIN)/python -m benchmarks.search $(ARGS)

.PHONY: test-crate
test-crate: setup weights ## Use a crate of 2,000 sounds by the command line on the real servers
	@$(BIN)/python -m deploy.servers up
	@status=0; CRATEDIG_CLUSTER=required $(BIN)/python -m pytest tests/cluster/test_crate.py $(ARGS) || status=$$?; \
	$(BIN)/python -m deploy.servers down; exit $$status

.PHONY: bench-crate
bench-crate: setup weights ## Use a crate of 100,000 sounds by the command line, embedded and on Kafka, S3 and Postgres
	$(BIN)/python -m benchmarks.crate $(ARGS)
	@$(BIN)/python -m deploy.servers up
	@status=0; CRATEDIG_CLUSTER=required $(BIN)/python -m benchmarks.crate --cluster $(ARGS) || status=$$?; \
	$(BIN)/python -m deploy.servers down; exit $$status

.PHONY: bench-quality
bench-quality: setup weights ## Print how good the musical results are; ARGS="--data FOLDER" on recordings of your own
	$(BIN)/python -m benchmarks.quality $(ARGS)

.PHONY: bench-similarity
bench-similarity: setup weights ## Print how well vectors find sounds that are alike; needs the kits that train-similarity fetches
	$(BIN)/python -m benchmarks.similarity $(ARGS)

.PHONY: bench-teaching
bench-teaching: setup ## Print how well taught tags learn, and the time of an answer; needs the kits that train-similarity fetches
	$(BIN)/python -m benchmarks.teaching $(ARGS)

.PHONY: bench-web
bench-web: setup weights web chromium ## Measure the web client over 100,000 sounds against its budgets; ARGS=--write puts the table into docs/web.md
	$(BIN)/python -m benchmarks.web $(ARGS)

.PHONY: bench-recommendations
bench-recommendations: setup ## Print how well recommendations complete collections, and the time of a list; needs the kits that train-similarity fetches
	$(BIN)/python -m benchmarks.recommendations $(ARGS)

.PHONY: test-bench
test-bench: setup weights ## Run every benchmark on its smallest case, to check that it still works
	$(BIN)/python -m benchmarks --smallest $(ARGS)

.PHONY: train-tagging
train-tagging: setup ## Train the one-shot classifier again, from Debian's packages of sounds
	$(BIN)/python -m tools.train_tagging $(ARGS)

.PHONY: train-drums
train-drums: setup ## Train the drum network again, on drums that a program plays with these sounds; makes an environment with PyTorch
	$(BIN)/python -m tools.train_drums $(ARGS)

.PHONY: train-similarity
train-similarity: setup ## Learn the projection by which samples are compared again, from the same packages
	$(BIN)/python -m tools.train_similarity $(ARGS)

##@ Images
.PHONY: images
images: setup ## Build the image of every service with docker, podman or buildah; ARGS="midi --gpu" builds one for GPUs
	$(BIN)/python -m deploy.images build $(ARGS)

.PHONY: compose
compose: setup ## Start the whole server in containers on this machine; needs docker with Compose
	$(BIN)/python -m deploy.images env
	docker compose up --build --detach --wait $(ARGS)

##@ Servers
.PHONY: services-up
services-up: setup ## Start Kafka, an S3 store and Postgres as native processes on loopback
	$(BIN)/python -m deploy.servers up

.PHONY: services-down
services-down: ## Stop these servers
	$(BIN)/python -m deploy.servers down

##@ Tidy
.PHONY: clean
clean: ## Remove build products; keep data and caches outside the repository
	-@test -x $(BIN)/python && $(BIN)/python -m deploy.servers down
	rm -rf $(WEB)/node_modules $(WEB)/dist $(OIDC)/node_modules
	rm -rf $(VENV) .services .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## Print this list
	@awk 'BEGIN {FS = ":.*## "; printf "Usage: make \033[36m<target>\033[0m\n"} \
	  /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} \
	  /^[a-zA-Z_-]+:.*## / {printf "  \033[36m%-14s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)
