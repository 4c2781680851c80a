# A thin front to tools/ and Meson; `make help` says what there is.
PREFIX = /usr/local
DESTDIR =

build: setup
	@[ -f build/build.ninja ] || meson setup build
	@ninja -C build

# What this machine lacks: Debian packages, engines, models. Under a second where nothing is lacking.
setup:
	@tools/setup

run: build
	@tools/run-server

samples: build
	@tools/run-samples

test:
	@tools/setup test
	@tools/run-tests

analyse: build
	@tools/setup test
	@tools/check-tidy

bench: build
	@tests/bench/run

install: build
	@meson configure build -Dprefix="$(abspath $(PREFIX))"
	@DESTDIR="$(DESTDIR)" meson install -C build

clean:
	rm -rf build build-asan build-tsan

help:
	@echo 'make                     sets up this machine and builds build/bin/octavo'
	@echo 'make run                 starts the server on this machine, says where it is and how to try it'
	@echo 'make samples             reads the sample documents: their text, the time and the memory'
	@echo 'make test                every test: as released, then with sanitizers for addresses and threads'
	@echo 'make analyse             clang-tidy with the static analyser, some minutes (make test runs the rest of its rules)'
	@echo 'make bench               Octavo beside its peers, which it installs; prints tables'
	@echo 'make install PREFIX=DIR  programs, engines and models into DIR (/usr/local)'
	@echo 'make clean               removes what was built; runtime/ (engines and models) stays'

.PHONY: build setup run samples test analyse bench install clean help
