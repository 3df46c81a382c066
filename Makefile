# The commands people type; `make` lists them. Each installs the Debian packages that it needs.

GO       ?= go
BIN      := bin
PAYLOAD  := internal/build/payload/bin
FUZZTIME ?= 10s
SOAK     ?= 200
# The same flags everywhere: build, test and the tools then share compiled packages.
export GOFLAGS := -trimpath $(GOFLAGS)
STRIP    := -ldflags="-s -w"
# of the program, for the container of a release; go install takes it from the module
VERSION  :=
# Programs of the image are small rather than fast: without inlining they are 10 % smaller as shipped.
GUEST    := CGO_ENABLED=0 GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOFLAGS= $(GO) build -trimpath -buildvcs=false $(STRIP) -gcflags=all=-l
# check leaves out the packages that boot a guest, start a system or use programs that make installs or builds:
# those whose tests import one of these folders of fixtures/, fixtures/ itself, and internal/pid1, which boots PID 1.
HEAVY    := bench|components|debian|guest|keypair|services|sigstore|tools|vault
TESTS    := {{.ImportPath}}{{range .TestImports}} {{.}}{{end}}{{range .XTestImports}} {{.}}{{end}}

.PHONY: help demo check test attack race fuzz cover lint build payload cross bench conformance soak image tools clean need-demo need-test

help:
	@echo 'make demo         build a system from Debian packages, boot it, sign it'
	@echo 'make check        vet, and the tests that need no guest and no other program; for each edit'
	@echo 'make test         all tests, boots included; installs and builds what they need'
	@echo 'make attack       try every attack in SECURITY.md, and print what stopped it'
	@echo 'make race         the tests under the race detector'
	@echo 'make fuzz         each fuzz target for FUZZTIME=$(FUZZTIME)'
	@echo 'make cover        the tests of check, with the coverage of each package'
	@echo 'make lint         golangci-lint, configured by .golangci.yml'
	@echo 'make build        bin/linuxkit-action, with PID 1 for amd64 and arm64'
	@echo 'make cross        compile for each other platform: linux/arm64, darwin/amd64, darwin/arm64'
	@echo 'make bench        sizes and times'
	@echo 'make conformance  compare images with those of the linuxkit on the PATH'
	@echo 'make soak         boot SOAK=$(SOAK) times, killing a process in each boot'
	@echo 'make image        the container image of the action'

need-demo:
	@fixtures/setup/need.sh qemu-system-x86 kmod

need-test: need-demo
	@fixtures/setup/need.sh containerd cpio docker-registry runc zstd

# PID 1 and the operator's command, compressed, for package payload. The toolchain is that of go.mod, so that a commit gives the same bytes everywhere.
payload: export GOTOOLCHAIN = $(shell sed -n 's/^toolchain //p' go.mod)
payload:
	@for arch in amd64 arm64; do for program in init linuxkit-init; do \
		GOARCH=$$arch $(GUEST) -o $(PAYLOAD)/$$program-$$arch ./cmd/$$program || exit 1; \
	done; done
	@$(GO) run ./internal/build/payload/pack $(addprefix $(PAYLOAD)/,init-amd64 init-arm64 linuxkit-init-amd64 linuxkit-init-arm64)

build: payload
	@$(GO) build -ldflags="-s -w $(VERSION:%=-X=github.com/org/linuxkit-action/internal/cli.release=%)" -o $(BIN)/linuxkit-action ./cmd/linuxkit-action

cross:
	@for target in linux/arm64 darwin/amd64 darwin/arm64; do \
		echo "go build for $$target"; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null ./cmd/linuxkit-action || exit 1; \
	done

# Programs that tests run: each is built once, with the versions that its go.mod fixes.
# once prints the step and how long it takes on a machine with two cores, downloads included.
once = @echo 'building $(1), once: about $(2)'
TOOLS := $(addprefix $(BIN)/,cosign cosign3 fulcio rekor-server timestamp-server vault containerd/containerd)
tools: $(TOOLS)

# cosign 2 and 3 and Sigstore's servers, for signatures that are not our own. One module: they share packages.
SIGSTORE := $(GO) -C fixtures/tools/sigstore build $(STRIP) -o ../../../
$(BIN)/cosign3 $(BIN)/fulcio $(BIN)/rekor-server $(BIN)/timestamp-server &: fixtures/tools/sigstore/go.mod
	$(call once,cosign 3 and the servers of Sigstore,4 minutes)
	@$(SIGSTORE)$(BIN)/sigstore/ github.com/sigstore/cosign/v3/cmd/cosign github.com/sigstore/fulcio \
		github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server
	@mv $(BIN)/sigstore/cosign $(BIN)/cosign3 && mv $(BIN)/sigstore/posix $(BIN)/rekor-server && mv $(BIN)/sigstore/* $(BIN)

$(BIN)/cosign: fixtures/tools/sigstore/go.mod | $(BIN)/cosign3
	$(call once,cosign 2,30 seconds)
	@$(SIGSTORE)$@ github.com/sigstore/cosign/v2/cmd/cosign

# HashiCorp Vault, for keys in a KMS.
$(BIN)/vault: $(addprefix fixtures/tools/vault/,go.mod main.go plugins.go)
	$(call once,HashiCorp Vault,2 minutes)
	@CGO_ENABLED=0 $(GO) -C fixtures/tools/vault build $(STRIP) -o ../../../$@ .

# containerd 2 for a component, so for linux/amd64. LinuxKit uses nothing of what the tags leave out.
CONTAINERD := github.com/containerd/containerd/v2/cmd/
$(BIN)/containerd/containerd: fixtures/tools/containerd/go.mod
	$(call once,containerd,1 minute)
	@CGO_ENABLED=0 GOOS=linux GOARCH=amd64 $(GO) -C fixtures/tools/containerd build -buildvcs=false $(STRIP) \
		-tags no_btrfs,no_cri,no_devmapper,no_tracing,no_zfs -o ../../../$(BIN)/containerd/ \
		$(CONTAINERD)containerd $(CONTAINERD)containerd-shim-runc-v2 $(CONTAINERD)ctr

demo: need-demo build
	@$(GO) run ./fixtures/cmd/demo

# go test vets only what lint vets too, so it does not here.
test: need-test build $(TOOLS)
	@fixtures/setup/userns.sh
	@echo 'running the tests: about 6 minutes without KVM'
	$(GO) test -vet=off ./...

check:
	$(GO) vet ./...
	$(GO) test -short -vet=off $(CHECKED)

cover:
	$(GO) test -short -vet=off -cover $(CHECKED)

CHECKED = $$($(GO) list -f '$(TESTS)' ./cmd/... ./internal/... | grep -vE 'linuxkit-action/fixtures/($(HEAVY))|internal/pid1 ' | cut -d' ' -f1)

attack: need-test payload $(TOOLS)
	@$(GO) run ./fixtures/cmd/attack

# The race detector watches the test programs, not PID 1 in a guest. It needs cgo.
race: need-test build $(TOOLS)
	@fixtures/setup/need.sh gcc libc6-dev
	@fixtures/setup/userns.sh
	$(GO) test -race -vet=off ./...

fuzz:
	@grep -rlE --include='*_test.go' '^func Fuzz' internal fixtures | xargs -n1 dirname | sort -u | while read -r folder; do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$folder/*_test.go | cut -c6-); do \
			$(GO) test -vet=off -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) ./$$folder || exit 1; \
		done; \
	done

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...

bench: need-test build $(BIN)/containerd/containerd
	@$(GO) test -count=1 -run TestSizeOfPID1 -v ./internal/build/payload | grep bytes
	$(GO) test -run '^$$' -bench . -benchmem ./...

# MANIFESTS='a.yml b.yml' compares those as well.
conformance: build
	@command -v linuxkit >/dev/null || { echo 'conformance: linuxkit is not on the PATH; install it from github.com/linuxkit/linuxkit' >&2; exit 2; }
	$(GO) test -count=1 -tags conformance ./fixtures/conformance

# Exit 1 if a boot fails; its console is in bin/soak.
soak: need-demo build
	@$(GO) run ./fixtures/cmd/soak -boots $(SOAK)

image:
	docker build --network host --tag linuxkit-action .

clean:
	rm -rf $(BIN) $(PAYLOAD)/init-* $(PAYLOAD)/linuxkit-init-*
