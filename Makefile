# What a person types here: run, test, lint, bench, clean. Each target first installs the Debian packages it misses
# (with sudo when you are not root, and it says so); with everything present none of them needs the network.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BUILD_PACKAGES := libmicrohttpd-dev libsqlite3-dev libcurl4-openssl-dev libssl-dev libre2-dev libstdc++-12-dev pkg-config
TEST_PACKAGES := $(BUILD_PACKAGES) python3 python3-venv nginx-light openssl curl jq sqlite3
BENCH_PACKAGES := $(BUILD_PACKAGES) gcc libc6-dev python3 nginx-light wrk

# `make run ARGS="--listen 127.0.0.1:9090"` passes flags on to `serve`.
ARGS ?=

.PHONY: help run build test test-swift test-blackbox test-clients lint bench clean packages-build packages-test packages-bench

help:
	@echo 'make run     build for release and serve on http://127.0.0.1:8080 (ARGS="…" goes to serve)'
	@echo 'make test    every suite: Swift, black box, real clients'
	@echo 'make lint    formatting and static checks'
	@echo 'make bench   compare with libmicrohttpd, nginx and SQLite on this machine (ARGS="--quick")'
	@echo 'make clean   remove what the targets made; never ./data'

packages-build: ; @scripts/require-packages $(BUILD_PACKAGES) && scripts/require-swift
packages-test: ; @scripts/require-packages $(TEST_PACKAGES) && scripts/require-swift
packages-bench: ; @scripts/require-packages $(BENCH_PACKAGES) && scripts/require-swift

# Swift's runtime goes into the binary: it starts with 7 MB less memory, and runs where no Swift is installed.
build: packages-build
	swift build -c release --static-swift-stdlib --product profile-gateway

run: build
	exec .build/release/profile-gateway serve $(ARGS)

test: packages-test
	@scripts/python-environment
	scripts/run-tests

test-swift: packages-test
	scripts/run-tests swift

test-blackbox: packages-test
	@scripts/python-environment
	swift build
	scripts/run-tests BlackBox

test-clients: packages-test
	@scripts/python-environment
	swift build
	scripts/run-tests Clients

lint: packages-test
	@scripts/python-environment
	swift format lint --strict --recursive --parallel Package.swift Sources Tests Benchmarks
	.venv/bin/ruff check --no-cache Tests Benchmarks
	for script in scripts/* .ci/run; do bash -n "$$script"; done

bench: packages-bench build
	swift build -c release --static-swift-stdlib --product resolution-benchmark
	python3 Benchmarks/run $(ARGS)

clean:
	rm -rf .build .venv Benchmarks/results Benchmarks/build
