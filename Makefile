# Nines: everything that a person types. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
export CARGO_TERM_PROGRESS_WHEN ?= auto

NINES := target/release/nines
UI_SOURCES := $(shell find ui/src ui/public ui/index.html ui/package-lock.json ui/vite.config.ts ui/tsconfig.json -type f 2>/dev/null)

.PHONY: help build demo test test-rust test-ui test-e2e lint bench bench-paging audit bless tools clean

help: ## What can be typed here
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: $(NINES) ## Build the web application and the binary (target/release/nines)

tools: ## Install what a fresh machine lacks to build and run (by apt when root, else says what)
	@scripts/tools build

ui/node_modules/.ready: ui/package-lock.json ui/package.json | tools
	@echo "── web: installing packages"
	@cd ui && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.ready

ui/dist/index.html: ui/node_modules/.ready $(UI_SOURCES)
	@echo "── web: building"
	@cd ui && npm run --silent build

.PHONY: cargo-build
$(NINES): cargo-build ;
cargo-build: tools ui/dist/index.html
	@echo "── binary: cargo build --release (the first time takes a while: the query engine is compiled once)"
	@cargo build --release --locked -p nines-cli

demo: build ## Play one story on real telemetry, narrate it, and keep the site running
	@$(NINES) demo $(ARGS)

test: ui/dist/index.html ## Everything: units, properties, real clients, a real browser
	@scripts/tools test
	@scripts/test

lint: ui/node_modules/.ready ## Formatting, clippy with warnings as errors, web lint and types, house rules
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cd ui && npm run --silent lint && npm run --silent typecheck

bench: build ## Print the figures: signal to page, ingest, trace by id
	@scripts/bench

bench-paging: build ## Print the ledgers of paging: kills, outages, storms (the last one alone takes five minutes)
	@scripts/bench-paging

audit: ## Licences, advisories, duplicate versions
	@scripts/audit

bless: ## Rewrite generated and golden files, to be read before they are committed
	@NINES_BLESS=1 cargo test --release --workspace -- the_checked_in_document_is_fresh the_matrix_in_the_reference_is_fresh
	@cd ui && npm run --silent types

clean: ## Remove what was built
	@rm -rf target ui/dist ui/node_modules
