# The targets of this project; `make` alone lists them.

GO      ?= go
BIN     := bin/nof0
DEV     := $(BIN) dev --redis=server --ephemeral
PACKAGES ?=

GOLANGCI_LINT_VERSION := v2.15.0
ATLAS := bin/tools/atlas-v0.13.1/atlas
COLLECTOR := bin/tools/collector-v0.165.0/collector
DEADCODE_VERSION := v0.52.0
DEADCODE := bin/tools/deadcode-$(DEADCODE_VERSION)/deadcode
GOLANGCI_LINT := bin/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null)
DATE     := $(shell git show -s --format=%cI HEAD 2>/dev/null)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)
# Stripped, and without Gin's MessagePack, which nothing here speaks: 49 MB instead of 79.
TAGS     := -trimpath -tags nomsgpack
BUILD    := build $(TAGS) -ldflags '$(LDFLAGS)'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/nof0
	$(GO) $(BUILD) -o $(BIN) ./cmd/nof0

.PHONY: run
run: postgres build ## run the whole system on embedded defaults
	$(BIN) dev

# Tests make databases by the hundred. Where memory has room for them, one costs
# the processor a tenth; else they lie where temporary files do.
TMP    := $(or $(TMPDIR),/tmp)
MEMORY := $(shell df -Pk /dev/shm 2>/dev/null | awk '$$1 == "tmpfs" && $$4 > 3000000 {print $$6}')
BESIDE := TMPDIR=$(or $(MEMORY),$(TMP)) $(DEV)
# Only what hangs takes as long as the timeout, ten times what the longest package needs. What is
# compiled for the binary serves the tests, and make vet asks what go test would.
TEST := env TMPDIR=$(TMP) $(GO) test $(TAGS) -vet=off -timeout 30m
# Under the race detector a test costs seven times as much. make test spends that on
# packages that start something beside them; the others, and the walks through the whole
# system and its files, run with it in make test-long.
walks      = ./cmd/nof0 ./internal/app ./internal/cutover/mirror ./internal/cutover/parity ./internal/season
packages   = $(filter-out ./internal/faults,$(patsubst $(CURDIR)/%,./%,$(shell $(GO) list -f '{{.Dir}}' ./...)))
concurrent = $(filter $(shell grep -rlE '^[[:space:]]*go |\.Go\>|^[[:space:]]*"sync' --include='*.go' --exclude='*_test.go' . | xargs -n1 dirname | sort -u),$(filter-out $(walks),$(packages)))
sequential = $(filter-out $(concurrent),$(packages))
# The packages whose tests import one of ours.
importers = $$($(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | awk '/nof0.internal.$(1)/ {print $$1}')
.PHONY: test
test: servers build ## run every test, with a real Postgres and a real Redis: PACKAGES=./config
	$(BESIDE) -- $(TEST) -race $(TESTFLAGS) $(or $(PACKAGES),$(concurrent))
	$(if $(PACKAGES),,$(BESIDE) -- $(TEST) $(TESTFLAGS) $(sequential))

# Faults are made in programs that are built for it, which takes minutes.
.PHONY: test-long
test-long: servers build ## run what make test spares: the short form of the faults, the long one of other tests, all with the race detector
	$(BESIDE) -- env NOF0_TEST_LONG=1 $(TEST) -race $(TESTFLAGS) $(or $(PACKAGES),$(call importers,testsize) $(sequential))

.PHONY: test-captures
test-captures: servers build ## run the tests of captures on those in a directory: DATA=../shared/data
	@test -d '$(DATA)' || { echo "make: no captures: give the directory that holds them, make test-captures DATA=DIR" >&2; exit 1; }
	$(BESIDE) -- env NOF0_TEST_CAPTURES='$(abspath $(DATA))' $(TEST) -count=1 -tags captures,nomsgpack -run Capture $(TESTFLAGS) $(call importers,captures)

.PHONY: testdata
testdata: ## make the captures that the project ships anew
	$(GO) test -count=1 ./internal/captures -run Generated -update

# What reaches the database by the configured URL in production.
POOLED := ./repository ./internal/arena ./internal/relay ./internal/app
.PHONY: test-pooler
test-pooler: pooler build ## run the tests of the storage through a PgBouncer that pools by transaction
	$(BESIDE) --pooler -- $(TEST) $(TESTFLAGS) $(POOLED)

# Each takes less than ten minutes on two cores.
FAULTS = $(DEV) -- env NOF0_TEST_FAULTS=full $(GO) test -v -count=1 -timeout 60m $(TESTFLAGS) ./internal/faults -run
.PHONY: faults faults-cutover faults-schema faults-positions faults-outages faults-scaling
faults: servers build ## kill servers and processes under a load of writes, in full, and print what was measured
	$(FAULTS) 'Crashes|SentByMany|Thousand|RedisComesBack'
faults-cutover: servers build ## the same, of the JSON files that follow
	$(FAULTS) 'FilesFollow|JSONWrites'
faults-schema: servers build ## the same, of migrations and rolling deploys
	$(FAULTS) 'Migration|Deploy|PreviousBinary|AMemberMoves'
faults-outages: TESTFLAGS += -tags fulldisk
faults-outages: servers build ## the same, of what is slow, frozen or refuses, under reads that are compared
	$(FAULTS) 'Outages'
faults-scaling: TESTFLAGS += -tags autofailover
faults-scaling: servers failover build ## the same, of more than one machine: sentinels, a cluster, several servers, standbys, failovers
	$(FAULTS) 'Scaling'
faults-positions: servers build ## five minutes of generated stories and of reads after every kind of write, by two processes that are killed
	$(FAULTS) 'Stories|ReadsBehind'

SOAK ?= 30m
.PHONY: soak
soak: servers build ## play a long season in compressed time beside all that operators do, and print what grows: SOAK=30m
	$(DEV) -- $(GO) test -tags soak,nomsgpack -v -count=1 -timeout 0 -run Soak $(TESTFLAGS) ./internal/faults -soak $(SOAK) -soak-json $(CURDIR)/bin/soak.json

# Rules are asked sixty times as often as in production; it takes four minutes.
.PHONY: alerts-test
alerts-test: servers prometheus build ## cause what each alert is for, on a live system that Prometheus watches, until it fires, and have it delivered
	$(DEV) -- $(GO) test -tags alerts,nomsgpack -v -count=1 -timeout 60m -run 'Alerts|Rules|Inhibitions' $(TESTFLAGS) ./internal/faults

# The collector is made of the modules that its distributions are made of.
.PHONY: tracing-test
tracing-test: servers $(COLLECTOR) build ## send the spans of requests through a collector of OpenTelemetry, and read them behind it
	NOF0_TEST_COLLECTOR='$(abspath $(COLLECTOR))' $(DEV) -- $(GO) test -tags collector,nomsgpack -count=1 -run OneTrace $(TESTFLAGS) ./internal/app

# With fsync, unlike the servers of tests.
BENCH = NOF0_DATA_DIR=$(TMP)/nof0-bench $(BIN) dev --redis=server -- $(GO) test -tags bench,nomsgpack -v -count=1 -timeout 180m ./internal/bench -run
.PHONY: bench bench-history bench-growth bench-short bench-go
bench: servers wrk build ## measure the running system beside yardsticks, for seventeen minutes: docs/performance.md
	$(BENCH) Table -results $(CURDIR)/bin/bench.json $(TESTFLAGS)
bench-history: servers build ## page through a million trades of one model while others are written, and download them: docs/performance.md
	$(BENCH) History $(TESTFLAGS)
bench-growth: servers build ## what views, pages and fills cost in seasons of 10^5 and 10^6 equity rows and trades (TESTFLAGS="-sizes 100000,1000000,10000000"): docs/performance.md
	$(BENCH) Growth $(TESTFLAGS)
bench-short: servers wrk build ## the same in half a minute, of a few rows
	$(BENCH) 'Table|History|Growth' -short-form -results $(CURDIR)/bin/bench-short.json $(TESTFLAGS)
	test -s bin/bench-short.json
bench-go: servers build ## run the benchmarks of packages, for benchstat; that of the metrics stores ten million trades, 5 GB, first
	$(DEV) -- $(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(TESTFLAGS) $(or $(PACKAGES),./...)

# The migrations and schema.sql are written by make migration, the captures by make testdata.
.PHONY: generate generate-check
generate: ## write what is generated from code: handlers/openapi.json and docs/redis.md
	$(GO) test -count=1 ./handlers -run OpenAPIIsGenerated -update
	$(GO) test -count=1 ./cachelayer -run RedisIsDocumented -update
generate-check: ## fail when what is generated is not what the code says
	$(GO) test -count=1 ./handlers -run OpenAPIIsGenerated
	$(GO) test -count=1 ./cachelayer -run RedisIsDocumented

# Nothing but this, the libraries of the console and its tests in a browser needs Node.
.PHONY: api-client
api-client: ## generate the types for TypeScript, and compile a program that uses every endpoint
	@command -v npm >/dev/null || { echo "make: no npm: the types for TypeScript are generated by Node 20 or newer" >&2; exit 1; }
	cd clients/typescript && npm ci --no-audit --no-fund && npm run generate && npm run check

.PHONY: console-assets
console-assets: ## renew the libraries that the console's pages load, by internal/console/package.json
	@command -v npm >/dev/null || { echo "make: no npm: the libraries of the console come from its registry" >&2; exit 1; }
	cd internal/console && npm ci --no-audit --no-fund && npm run --silent assets

BROWSER = cd internal/console/browser && npm ci --no-audit --no-fund && NOF0='$(abspath $(BIN))'
.PHONY: console-test console-images
console-test: browser build ## look at the console in a real browser, against whole systems
	$(BROWSER) npm test
console-images: browser build ## the same, and write docs/images
	$(BROWSER) IMAGES='$(abspath docs/images)' npm test

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## format the code
	$(GOLANGCI_LINT) fmt

.PHONY: fmt-check
fmt-check: $(GOLANGCI_LINT) ## fail when code is not formatted
	$(GOLANGCI_LINT) fmt --diff

.PHONY: vet
vet: ## run go vet
	$(GO) vet ./...

.PHONY: lint
lint: $(GOLANGCI_LINT) deadcode ## run the linters, which also check the layering
	$(GOLANGCI_LINT) run

.PHONY: deadcode
deadcode: $(DEADCODE) ## fail when a function is reached from no command and no test
	@found=$$($(DEADCODE) -test ./...); test -z "$$found" || { echo "$$found"; exit 1; }

.PHONY: deploy-check
deploy-check: deploy-tools ## read each file of deploy/ with the tool of those for whom it is
	./.ci/deploy-check

.PHONY: tidy-check
tidy-check: ## fail when go.mod or go.sum is not tidy
	$(GO) mod tidy -diff

.PHONY: ci
ci: ## run what CI runs
	.ci/run

.PHONY: migration
migration: postgres build ## write schema.sql and the migration that the entities ask for: name=add_trade_strategy
	$(BIN) dev --ephemeral -- $(BIN) migrate diff $(name)

.PHONY: schema-check
schema-check: servers build ## lint the migrations, compare entities, files and history, and say what with
	$(DEV) -- sh -c '$(BIN) migrate lint && $(BIN) migrate validate --files'

.PHONY: atlas-cli
atlas-cli: servers $(ATLAS) build ## check that the Atlas CLI and nof0 migrate see each other's work
	ATLAS_CLI='$(abspath $(ATLAS))' $(DEV) -- $(GO) test -count=1 -tags atlascli -run 'AtlasCLI' $(TESTFLAGS) ./atlas

.PHONY: cleanup-check
cleanup-check: servers build ## remove the JSON side in a copy, compile it, test what that changes
	$(BESIDE) -- env GO='$(GO)' .ci/cleanup-check

.PHONY: restore-drill
restore-drill: servers build ## back a season up, lose it, restore it, compare every row
	deploy/restore-drill.sh

.PHONY: clean
clean: ## remove what was built; the data of make run stay
	rm -rf bin

.PHONY: clean-data
clean-data: build ## remove the data of make run, wherever they lie
	$(BIN) dev --clean-data

# What is missing of what a target needs is installed, or the command that does is
# named, before anything is compiled.
.PHONY: postgres servers failover pooler browser prometheus deploy-tools
postgres:
	@./.ci/install-servers postgres
servers:
	@./.ci/install-servers postgres redis compiler
failover:
	@./.ci/install-servers postgres failover
pooler:
	@./.ci/install-servers postgres redis compiler pooler
browser:
	@./.ci/install-servers postgres redis compiler node browser
wrk:
	@./.ci/install-servers wrk
prometheus:
	@./.ci/install-servers prometheus
deploy-tools:
	@./.ci/install-servers deploy

# The newest CLI whose modules all build; its own module, in .ci/atlas, has 90 more.
$(ATLAS): .ci/atlas/go.mod .ci/atlas/go.sum
	cd .ci/atlas && $(GO) build -o '$(abspath $@)' ariga.io/atlas/cmd/atlas

$(COLLECTOR): .ci/collector/main.go .ci/collector/go.mod .ci/collector/go.sum
	cd .ci/collector && $(GO) build -o '$(abspath $@)' .

# Built in a directory of its version, so that a new version is a new file.
$(GOLANGCI_LINT):
	GOBIN='$(abspath $(dir $@))' $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(DEADCODE):
	GOBIN='$(abspath $(dir $@))' $(GO) install golang.org/x/tools/cmd/deadcode@$(DEADCODE_VERSION)
