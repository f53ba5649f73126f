# Peregrine: `make run` builds it and watches this machine, `make test` runs every test that can run
# here. Both install what the build needs on Debian and Ubuntu (scripts/deps.sh says what to install
# elsewhere).

# Options for `make run`, as in: make run ARGS="--duration 10 --json"
ARGS ?=
CARGO ?= cargo
SHARED ?= $(abspath ../shared)
export PEREGRINE_SHARED ?= $(SHARED)

# Watching the kernel needs root; everything else does not.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

# Made-up histories that `make differential` tries.
SEEDS ?= 5000

# Folders for `make conformance`; without them those of $(SHARED)/conformance.
conformance_folders = $(if $(VECTORS),--vectors $(VECTORS)) $(if $(AUX),--aux $(AUX)) \
	$(if $(CAPTURES),--captures $(CAPTURES))

# Seconds per target, and which, for `make fuzz`.
SECONDS ?= 60
TARGETS ?=

.PHONY: bench-spread package service-vm static image-test soak differential fuzz reload-storm kernels models tsan tsan-selftest help build run test lint deps clean doc conformance bench instructions

help:
	@echo "make run [ARGS=...]   build, load the probe and print alerts (needs root, asks sudo)"
	@echo "make test             every test that can run on this machine"
	@echo "make conformance [VECTORS=DIR AUX=DIR CAPTURES=DIR]"
	@echo "                      Falco's own test cases and golden results, as a table"
	@echo "make differential [SEEDS=5000]"
	@echo "                      captures and made-up histories on 1 to 16 workers: all the same"
	@echo "make models           explore the models of our synchronisation as deep as ends in minutes"
	@echo "make reload-storm     100 reloads in a minute while processes start (needs root)"
	@echo "make tsan             the multi-threaded tests under ThreadSanitizer (part of make test)"
	@echo "make tsan-selftest    would it report a race? (part of make test)"
	@echo "make kernels          load the probe on other kernels, in an emulator"
	@echo "make package          the Debian package (needs cargo-deb)"
	@echo "make service-vm [SUITE=bookworm]"
	@echo "                      the package in an emulated machine with systemd, from install to purge"
	@echo "make static           one file that needs no library"
	@echo "make image-test       that file in an image, built by buildah and run by crun (as root)"
	@echo "make soak [SOAK_MINUTES=20]"
	@echo "                      a mixed load on end: does anything grow? (needs root)"
	@echo "make fuzz [TARGETS=... SECONDS=60]"
	@echo "                      feed random captures, conditions and rules files (nightly compiler)"
	@echo "make bench            time per operator of the language and per event with rules; latency of"
	@echo "                      alerts on this machine (needs root)"
	@echo "make bench-spread     one hot process: events taken, lost and waited for, by each way to spread"
	@echo "                      its records (needs root)"
	@echo "make instructions     instructions per event that rules, a replay and sharing with other"
	@echo "                      workers take, counted by callgrind"
	@echo "make lint             rustfmt and clippy, warnings are errors"
	@echo "make build            the release binary: target/release/peregrine"
	@echo "make doc              the API documentation"

deps:
	@scripts/deps.sh

build: deps
	$(CARGO) build --release --locked --bin peregrine

# One file that needs no library of the system it runs on: glibc, libelf and zlib are inside. Not
# musl: its allocator is slow with many threads, and libelf builds on neither its headers nor its
# functions. Needs the static libraries of Debian or Ubuntu (libelf-dev, zlib1g-dev, libc6-dev).
static: deps
	RUSTFLAGS="-C target-feature=+crt-static" LIBBPF_SYS_LIBRARY_PATH=/usr/lib/$(shell uname -m)-linux-gnu \
		$(CARGO) build --release --locked --target $(shell uname -m)-unknown-linux-gnu \
		--features static -p peregrine --bin peregrine

run: build
	$(SUDO) target/release/peregrine run $(ARGS)

lint: deps
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Live tests load the probe: as root they run, otherwise they say why they are skipped. Last come the
# multi-threaded tests once more, under ThreadSanitizer, where the toolchain has it.
test: lint
	$(CARGO) test --workspace --locked
	@scripts/tsan.sh
	@scripts/tsan.sh --selftest

# Captures and made-up histories on 1 to 16 workers.
differential: deps
	PEREGRINE_SEEDS=$(SEEDS) $(CARGO) test --release --locked --quiet \
		-p peregrine-engine --test differential --test parallel_captures --test workers -- --nocapture

# The same code as in `make test`, over any folders and without the shortcuts of debug builds.
conformance: deps
	$(CARGO) build --release --locked --quiet --bin peregrine
	$(CARGO) run --release --locked --quiet -p peregrine-conformance -- $(conformance_folders)

# `make test` runs the same models with at most three preemptions per execution; here each goes as
# deep as ends within minutes, and says what it explored. Optimised, for it is all computing.
models: deps
	MODELS_DEEP=1 $(CARGO) test --release --locked --quiet -p peregrine-state --test models -- --nocapture
	MODELS_DEEP=1 $(CARGO) test --release --locked --quiet -p peregrine-probe --test ring_model -- --nocapture
	MODELS_DEEP=1 $(CARGO) test --release --locked --quiet -p peregrine-engine --test models -- --nocapture

# 100 reloads in a minute under a storm of processes: no event lost, memory back to the baseline.
reload-storm: deps
	RELOADS=100 RELOAD_SECONDS=60 $(CARGO) test --release --locked -p peregrine --test reload \
		-- no_event_is_lost --nocapture

# Both say so and end well where the toolchain has no sanitizer.
tsan: deps
	@scripts/tsan.sh

tsan-selftest: deps
	@scripts/tsan.sh --selftest

# Boots four Debian kernels in an emulator; needs qemu-system-x86, busybox-static and cpio.
kernels: deps
	@scripts/kernels.sh || [ $$? -eq 77 ]

package: deps
	@scripts/package.sh

SUITE ?= bookworm
service-vm: package
	@scripts/service-vm.sh $(SUITE) || [ $$? -eq 77 ]

image-test: static
	@$(SUDO) env CARGO_TARGET_DIR=$(abspath $(or $(CARGO_TARGET_DIR),target)) scripts/image-test.sh || [ $$? -eq 77 ]

SOAK_MINUTES ?= 20
soak: deps
	$(CARGO) build --release --locked -p peregrine --bin peregrine --example soak
	$(SUDO) $(or $(CARGO_TARGET_DIR),target)/release/examples/soak \
		$(or $(CARGO_TARGET_DIR),target)/release/peregrine $(SOAK_MINUTES)

fuzz:
	@scripts/fuzz.sh $(SECONDS) $(TARGETS)

bench: deps
	$(CARGO) bench --locked -p peregrine-filter --bench evaluate
	$(CARGO) bench --locked -p peregrine-engine --bench rules
	$(CARGO) build --release --locked -p peregrine --bin peregrine --example latency --example load
	$(SUDO) $(or $(CARGO_TARGET_DIR),target)/release/examples/latency

# One process that makes more events than a worker can take. About six minutes; BENCH_SECONDS of
# each run and BENCH_ROUNDS of all runs make it another.
BENCH_SECONDS ?= 5
BENCH_ROUNDS ?= 3
bench-spread: deps
	$(CARGO) build --release --locked -p peregrine --bin peregrine --example spread --example load
	$(SUDO) $(or $(CARGO_TARGET_DIR),target)/release/examples/spread $(BENCH_SECONDS) $(BENCH_ROUNDS)

# Needs valgrind; says so where it is missing.
instructions: deps
	@scripts/instructions.sh
	@scripts/instructions-replay.sh
	@scripts/instructions-worker.sh

doc:
	$(CARGO) doc --workspace --no-deps

clean:
	$(CARGO) clean
