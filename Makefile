# The targets of this project; `make` alone lists them.

GO      ?= go
BIN     := bin/nof0
DEV     := $(BIN) dev --redis=server --ephemeral
PACKAGES ?= ./...

GOLANGCI_LINT_VERSION := v2.15.0
GOLANGCI_LINT := bin/tools/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS  := -X main.version=$(VERSION)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/nof0
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/nof0

.PHONY: run
run: build ## run the whole system on embedded defaults
	$(BIN) dev

.PHONY: test
test: build servers compiler ## run every test, with a real Postgres and a real Redis: PACKAGES=./config
	$(DEV) -- $(GO) test -race $(TESTFLAGS) $(PACKAGES)

.PHONY: faults
faults: build servers ## kill servers and processes under load, in full, and print what was measured
	NOF0_TEST_FAULTS=full $(DEV) -- $(GO) test -v -count=1 -timeout 30m $(TESTFLAGS) ./internal/faults

.PHONY: bench
bench: build servers ## run the benchmarks
	$(DEV) -- $(GO) test -run '^$$' -bench . -benchmem $(TESTFLAGS) $(PACKAGES)

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
lint: $(GOLANGCI_LINT) ## run the linters, which also check the layering
	$(GOLANGCI_LINT) run

.PHONY: tidy-check
tidy-check: ## fail when go.mod or go.sum is not tidy
	$(GO) mod tidy -diff

.PHONY: ci
ci: ## run what CI runs
	.ci/run

.PHONY: migration
migration: build ## write schema.sql and the migration that the entities ask for: name=add_trade_venue
	$(BIN) dev --ephemeral -- $(BIN) migrate diff $(name)

.PHONY: clean
clean: ## remove what was built; the data in .nof0 stay
	rm -rf bin

# What the tests need and Debian can install.
.PHONY: servers
servers:
	@./.ci/install-servers

# The race detector is linked by a C compiler.
.PHONY: compiler
compiler:
	@command -v "$${CC:-gcc}" >/dev/null || { \
	  echo "make: the race detector needs a C compiler, and $${CC:-gcc} is not on PATH." >&2; \
	  echo "      Install one (Debian: apt-get install gcc libc6-dev; macOS: xcode-select --install)." >&2; \
	  exit 1; }

# Built in a directory of its version, so that a new version is a new file.
$(GOLANGCI_LINT):
	GOBIN='$(abspath $(dir $@))' $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
