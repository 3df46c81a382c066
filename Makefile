# The few commands people type. Each installs what it needs; `make` lists them.

GO       ?= go
BIN      := bin
PAYLOAD  := internal/build/payload/bin
# PID 1 is small rather than fast: without inlining in these packages it is 5 % smaller.
PLAIN    := github.com/org/linuxkit-action/... golang.org/x/sys/... os strings strconv syscall time
INIT     := CGO_ENABLED=0 GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOFLAGS= $(GO) build -trimpath -buildvcs=false -ldflags="-s -w" $(PLAIN:%=-gcflags=%=-l)

.PHONY: help demo test build lint bench conformance soak image clean need-demo need-test

help:
	@echo 'make demo   build a real system from Debian packages, boot it, sign it'
	@echo 'make test   run all tests, real boots among them'
	@echo 'make build  bin/linuxkit-action, with PID 1 for amd64 and arm64 inside'
	@echo 'make lint   golangci-lint, as .golangci.yml has it'
	@echo 'make bench  sizes and times'
	@echo 'make conformance  the same images as a linuxkit on the PATH makes?'
	@echo 'make soak   boot SOAK=200 times; each time a process is killed'
	@echo 'make image  the container image of the action'

need-demo:
	@fixtures/setup/need.sh qemu-system-x86 kmod

need-test: need-demo
	@fixtures/setup/need.sh containerd cpio docker-registry runc zstd

# The toolchain is that of go.mod, whatever Go is installed: the same commit gives the same bytes.
payload: export GOTOOLCHAIN = $(shell sed -n 's/^toolchain //p' go.mod)
payload:
	@$(INIT) -o $(PAYLOAD)/init-amd64 ./cmd/init
	@GOARCH=arm64 $(INIT) -o $(PAYLOAD)/init-arm64 ./cmd/init
	@$(GO) run ./internal/build/payload/pack $(PAYLOAD)/init-amd64 $(PAYLOAD)/init-arm64

build: payload
	@$(GO) build -trimpath -ldflags="-s -w" -o $(BIN)/linuxkit-action ./cmd/linuxkit-action

cross:
	@for target in linux/arm64 darwin/amd64 darwin/arm64; do \
		echo "go build for $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -trimpath -o /dev/null ./cmd/linuxkit-action || exit 1; \
	done

# The real cosign, for tests that must not take our own word for a signature.
$(BIN)/cosign: fixtures/tools/cosign/go.mod
	$(GO) -C fixtures/tools/cosign build -trimpath -o ../../../$@ github.com/sigstore/cosign/v2/cmd/cosign

# Sigstore's own servers and cosign 3, for tests of signatures without a key.
$(BIN)/fulcio: PACKAGE = github.com/sigstore/fulcio
$(BIN)/rekor-server: PACKAGE = github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix
$(BIN)/timestamp-server: PACKAGE = github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server
$(BIN)/cosign3: PACKAGE = github.com/sigstore/cosign/v3/cmd/cosign
SIGSTORE := $(addprefix $(BIN)/,fulcio rekor-server timestamp-server cosign3)
$(SIGSTORE): fixtures/tools/sigstore/go.mod
	$(GO) -C fixtures/tools/sigstore build -trimpath -ldflags="-s -w" -o ../../../$@ $(PACKAGE)

# HashiCorp's Vault, for tests of keys that a service holds.
$(BIN)/vault: $(addprefix fixtures/tools/vault/,go.mod main.go plugins.go)
	CGO_ENABLED=0 $(GO) -C fixtures/tools/vault build -trimpath -ldflags="-s -w" -o ../../../$@ .

# containerd 2 for a component, so for linux/amd64. LinuxKit has no use for what the tags leave out.
CONTAINERD := $(addprefix $(BIN)/containerd/,containerd containerd-shim-runc-v2 ctr)
$(CONTAINERD): fixtures/tools/containerd/go.mod
	CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) -C fixtures/tools/containerd build -trimpath -buildvcs=false -ldflags="-s -w" \
		-tags no_btrfs,no_cri,no_devmapper,no_tracing,no_zfs -o ../../../$@ github.com/containerd/containerd/v2/cmd/$(@F)

demo: need-demo build
	@$(GO) run ./fixtures/cmd/demo

test: need-test build $(BIN)/cosign $(CONTAINERD) $(SIGSTORE) $(BIN)/vault
	@fixtures/setup/userns.sh
	$(GO) test ./...

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

bench: need-test build $(CONTAINERD)
	@fixtures/setup/need.sh zstd
	@for arch in amd64 arm64; do printf 'PID 1, %s: %s bytes on disk, %s as shipped (zstd -19)\n' $$arch \
		$$(wc -c <$(PAYLOAD)/init-$$arch) $$(zstd -q -19 -c $(PAYLOAD)/init-$$arch | wc -c); done
	$(GO) test -run '^$$' -bench . -benchmem ./...

# MANIFESTS='a.yml b.yml' compares those as well.
conformance: build
	@command -v linuxkit >/dev/null || { echo 'conformance: there is no linuxkit on the PATH; install it from github.com/linuxkit/linuxkit' >&2; exit 2; }
	$(GO) test -count=1 -tags conformance ./fixtures/conformance

# Exit 1 if PID 1 is not alive and right every time; consoles of boots that fail are in bin/soak.
SOAK ?= 200
soak: need-demo build
	@$(GO) run ./fixtures/cmd/soak -boots $(SOAK)

image:
	docker build --network host --tag linuxkit-action .

clean:
	rm -rf $(BIN) $(PAYLOAD)/init-*
