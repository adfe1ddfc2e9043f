# `make demo` and `make test` do all the set-up on a fresh Debian machine; the
# rest assumes that one of them has run. Nothing here leaves this folder but
# Debian packages (through apt-get, when they are missing) and Go's caches.

export PATH := $(CURDIR)/bin:$(PATH)
export CGO_ENABLED := 0

GO_TOOLS := go tool -modfile=tools/go.mod
BUILDKIT := bin/buildkitd bin/buildctl
TOOLCHAIN = $(shell sed -n 's/^toolchain //p' go.mod)
PACKAGES := ca-certificates docker-registry runc buildah uidmap busybox-static postgresql git openssh-client openssh-server chromium fonts-noto-core bsdutils

SCENARIOS = .
ROOTS := /etc/ssl/certs/ca-certificates.crt
TOOLCHAIN_IMAGE := .cache/toolchain/index.json

.PHONY: help demo demo-down rehearse test e2e lab-test unit kill soak check fuzz bench toolchain programs lab deps clean

help: ## show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

demo: deps programs lab toolchain ## two commits, stage by stage, then released in a real cluster, and a run on the release (as root)
	tools/rehearse
	bin/lab demo --repository . --lane bin/lane --agentrun bin/agentrun --model bin/model --toolchain .cache/toolchain

demo-down: lab ## take the demo's cluster away again
	bin/lab down

rehearse: deps bin/lane ## the same two commits without a cluster: plan, publish, render and promote alone
	tools/rehearse

test: deps bin/lane ## all tests, with the real registry, git, BuildKit and Postgres
	go test -timeout 20m ./...
	go -C tools/triggers test ./...

e2e: deps programs lab toolchain ## the lane in a real cluster on this machine, by scenarios; SCENARIOS picks some (as root)
	LAB_E2E=1 go -C lab test -trimpath -count=1 -timeout 60m -v -run '$(SCENARIOS)' ./e2e

lab-test: deps lab ## the lab itself: what it starts it takes away again (as root, while no lab is up)
	LAB_E2E=1 go -C lab test -trimpath -count=1 -timeout 30m $$(go -C lab list ./... | grep -v -e /e2e -e /kube -e /argocd)

unit: ## the tests that need no other program
	go test -short ./...

kill: deps ## stop publish and promote at random points, LANE_KILLS times each (default 20)
	go test -count=1 -timeout 30m -run Killed ./lane/publish ./lane/promote

soak: export AGENTRUN_SOAK_RUNS ?= 200
soak: deps ## AGENTRUN_SOAK_RUNS runs (200 unless told) while managers, runners and Postgres are killed
	go test -count=1 -timeout 60m -v -run TestSoak ./agentrun/soak

check: bin/lane ## formatting, static analysis, module tidiness, the lane's own rules
	tools/check

fuzz: ## every fuzz target, FUZZTIME each (default 20s)
	tools/fuzz

bench: deps ## figures beside those of a peer, as a table of ratios
	tools/bench

toolchain: $(TOOLCHAIN_IMAGE) ## the image that the pipeline's steps run in, as an OCI layout in .cache/toolchain

$(TOOLCHAIN_IMAGE): $(BUILDKIT) go.mod $(wildcard tools/toolchain/*) .cache/roots
	@echo "making the toolchain's image (a minute)"
	@go -C tools/toolchain run . build --out $(CURDIR)/.cache/toolchain --go $(TOOLCHAIN) --buildkit $(CURDIR)/bin

# The image has the machine's certificates: by content, because their date says nothing.
.cache/roots: FORCE
	@mkdir -p .cache && { cmp -s $(ROOTS) $@ || cp $(ROOTS) $@; }

lab: ## the program of the lab, as bin/lab
	@go -C lab build -trimpath -o $(CURDIR)/bin/lab .

deps: $(BUILDKIT) ## what tests and demo need: Debian packages and BuildKit
	@tools/packages $(PACKAGES)

programs: bin/lane ## the commands lane and agentrun, as bin/lane and bin/agentrun
	@go build -trimpath -o bin/ ./cmd/agentrun
	@go build -trimpath -o bin/model ./agentrun/codex/provider/serve

bin/lane: FORCE
	@go build -trimpath -o bin/lane ./cmd/lane

$(BUILDKIT) &: tools/buildkit/go.mod tools/buildkit/go.sum
	@echo "building BuildKit from its module (a few minutes the first time)"
	@go -C tools/buildkit build -trimpath -ldflags="-s -w -X github.com/moby/buildkit/version.Version=v0.34.2" \
		-tags "osusergo netgo static_build" -o $(CURDIR)/bin/ \
		github.com/moby/buildkit/cmd/buildkitd github.com/moby/buildkit/cmd/buildctl
	@touch $(BUILDKIT)

clean: ## remove what was built
	rm -rf bin .cache

FORCE:
