# make help lists the targets. FUZZTIME is how often each fuzz target runs, or for how long (10s; then go may end it with "context deadline exceeded"); ARGS are further flags for make run.

GO      ?= go
VERSION ?= $(shell deploy/version)
LDFLAGS  = -s -w -X main.version=$(VERSION)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)'
SHIM     = cmd/fromcache-shim/build
SHIMFLAGS = -X fromcache/shim.version=$(VERSION)
FUZZTIME ?= 100000x

# These are pinned here, and not in go.mod, so that the program's own requirements stay what the program requires.
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
NFPM        = $(GO) run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
CYCLONEDX   = $(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

SYSTEMS  = linux/amd64 linux/arm64 linux/arm linux/386 linux/riscv64 linux/ppc64le linux/s390x darwin/amd64 darwin/arm64 freebsd/amd64

IMAGE   ?= fromcache
DIST    ?= dist
BIN     ?= bin
PREFIX  ?= /usr/local
PREBUILT = $(DIST)/image
BUILDAH  = buildah --storage-driver vfs --root $(abspath $(DIST))/buildah/root --runroot $(abspath $(DIST))/buildah/run

EDGE = $(notdir $(wildcard deploy/edge/*.conf deploy/edge/*.vcl))
TO = $(DESTDIR)$(PREFIX)
INSTALLED = bin/fromcache bin/fromcache-shim bin/fromcache-shim-tls lib/systemd/system/fromcache.service lib/systemd/system/fromcache.socket lib/sysctl.d/10-fromcache.conf \
	share/bash-completion/completions/fromcache share/zsh/site-functions/_fromcache share/fish/vendor_completions.d/fromcache.fish \
	share/man/man1/fromcache.1 share/man/man7/fromcache-*.7 share/doc/fromcache/README.md share/doc/fromcache/LICENSE share/doc/fromcache/fromcache.env \
	share/fromcache/alerts.yml share/fromcache/grafana-dashboard.json $(addprefix share/fromcache/hooks/,$(notdir $(wildcard deploy/hooks/*))) \
	$(addprefix share/fromcache/edge/,$(EDGE) count-hits)

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

assets: ## copy the pages' style and scripts from npm into templates/static/vendor, as the lock file pins them
	@templates/assets

build: assets ## build bin/fromcache and the shim
	$(BUILD) -o $(BIN)/ ./cmd/fromcache
	$(SHIM) $(BIN)/fromcache-shim '$(SHIMFLAGS)'

original: ## build bin/fromcache-original, which moves the data of the original fromcache into ours
	$(BUILD) -o $(BIN)/fromcache-original ./cmd/fromcache-original

run: build ## build and start the cache-host on ./data, port 3000
	exec $(BIN)/fromcache serve --data-dir ./data --port 3000 $(ARGS)

demo: build ## show a miss become a hit: an origin, a cache-host and the shim on this machine, nothing leaves it
	$(GO) run ./cmd/fromcache-demo

# -count=1: go's cache of results does not know the programs and files that some tests run. It also says what was skipped.
test: needs assets ## install what tests need, and run every test
	@.ci/test $(GO) -count=1 -timeout 40m ./...

# The packages left out run programs that were built without the detector.
race: needs assets ## run the tests under the race detector
	CGO_ENABLED=1 GORACE=atexit_sleep_ms=20 $(GO) test -race -timeout 40m $$($(GO) list ./... | grep -v -e /httpd/browser -e /cmd/fromcache-torture$$ -e /cmd/fromcache-storm$$ -e /deploy -e /shim/replay)

fuzz: ## run each fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

torture: needs ## try to break it: kills, errors, power cuts, full disks, lies, crowds; prints a table (4 hours): PARTS='Rot|Slow'
	FROMCACHE_LONG=1 $(GO) test -v -count=1 -timeout 0 -run '$(PARTS)' ./cmd/fromcache-torture

storm: needs ## have 10,000 nodes come at once, wait, and lose their cache-host; prints a table (minutes): PARTS='Probes'
	FROMCACHE_LONG=1 $(GO) test -v -count=1 -timeout 30m -run '$(PARTS)' ./cmd/fromcache-storm

replay: needs ## run many command lines directly and through the shim, and compare: COMMANDS=FILE, JSON lines {"argv": [...], "n": 1}
	FROMCACHE_COMMANDS=$(abspath $(COMMANDS)) $(GO) test -v -count=1 -timeout 8h ./shim/replay

bench: needs assets ## compare with nginx on the same files, then run the benchmarks of the packages
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 1h ./cmd/fromcache-bench
	$(GO) test -run '^$$' -bench . $$($(GO) list ./... | grep -v /cmd/fromcache-bench$$)

lint: ## gofmt, go vet, staticcheck, go mod tidy, shellcheck
	@.ci/lint "$(STATICCHECK)"

shims: ## build the client for every system, as dist/shims/<system>-<processor>/fromcache-shim
	@for p in $(SYSTEMS); do \
		out=$(DIST)/shims/$$(echo $$p | tr / -)/fromcache-shim; \
		echo $$out; \
		GOOS=$${p%/*} GOARCH=$${p#*/} GOARM=7 $(SHIM) $$out '$(SHIMFLAGS)' || exit; \
	done

# The Containerfile has a stage named build that compiles in a Go image. Here the directory that make has prepared stands in
# for that stage, so that no image has to be pulled, and the image holds the binary that was tested.
image: assets ## build the container image with buildah, from the binary built here, into dist/fromcache-image.tar
	rm -rf $(PREBUILT) $(DIST)/fromcache-image.tar
	mkdir -p $(PREBUILT)/data $(PREBUILT)/etc/ssl/certs
	$(BUILD) -o $(PREBUILT)/fromcache ./cmd/fromcache
	cp /etc/ssl/certs/ca-certificates.crt $(PREBUILT)/etc/ssl/certs/
	$(BUILDAH) bud --isolation chroot --format docker --build-context build=$(PREBUILT) -f deploy/Containerfile -t $(IMAGE) $(PREBUILT)
	$(BUILDAH) push -q $(IMAGE) docker-archive:$(DIST)/fromcache-image.tar:$(IMAGE)

# Nothing runs in the image's last stage, so one machine makes it for each processor.
images: assets ## build the image for amd64 and arm64 into the directory dist/images, for skopeo copy --all dir:dist/images docker://…
	rm -rf $(DIST)/images
	-$(BUILDAH) manifest rm $(IMAGE):all 2>/dev/null
	for a in amd64 arm64; do \
		to=$(PREBUILT)-$$a; \
		rm -rf $$to && mkdir -p $$to/data $$to/etc/ssl/certs && \
		cp /etc/ssl/certs/ca-certificates.crt $$to/etc/ssl/certs/ && \
		GOARCH=$$a $(BUILD) -o $$to/fromcache ./cmd/fromcache && \
		$(BUILDAH) bud --isolation chroot --format docker --platform linux/$$a --build-context build=$$to -f deploy/Containerfile \
			--manifest $(IMAGE):all $$to || exit; \
	done
	$(BUILDAH) manifest push -q --all --format v2s2 $(IMAGE):all dir:$(DIST)/images

dist: PACKAGED ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64
dist: MAINTAINER ?= fromcache <root@localhost>
dist: SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
dist: assets ## build deb, rpm, apk, wheels, SBOMs and SHA256SUMS into dist/packages, the same bytes each time; PACKAGED=linux/amd64 for that one alone
	@GO='$(GO)' NFPM='$(NFPM)' CYCLONEDX='$(CYCLONEDX)' VERSION='$(VERSION)' SYSTEMS='$(PACKAGED)' MAINTAINER='$(MAINTAINER)' \
		SOURCE_DATE_EPOCH='$(SOURCE_DATE_EPOCH)' deploy/dist $(DIST)/packages

man: ## write the manual pages into dist/man
	$(GO) run ./cmd/fromcache man $(DIST)/man

# What was built is installed, so that root needs no Go. The program itself writes its manual pages and completions.
install: $(BIN)/fromcache $(BIN)/fromcache-shim $(BIN)/fromcache-shim-tls ## install what make build built below PREFIX (/usr/local); DESTDIR goes before it
	install -d $(addprefix $(TO)/,$(sort $(dir $(INSTALLED))))
	install -m 0755 $^ $(TO)/bin
	sed 's|/usr/local/bin/|$(PREFIX)/bin/|' deploy/fromcache.service >$(TO)/lib/systemd/system/fromcache.service
	install -m 0644 deploy/fromcache.socket $(TO)/lib/systemd/system
	install -m 0644 deploy/sysctl.conf $(TO)/lib/sysctl.d/10-fromcache.conf
	$< completion bash >$(TO)/share/bash-completion/completions/fromcache
	$< completion zsh >$(TO)/share/zsh/site-functions/_fromcache
	$< completion fish >$(TO)/share/fish/vendor_completions.d/fromcache.fish
	$< man $(TO)/share/man
	install -m 0644 README.md LICENSE deploy/fromcache.env $(TO)/share/doc/fromcache
	install -m 0644 deploy/alerts.yml deploy/grafana-dashboard.json $(TO)/share/fromcache
	install deploy/hooks/* $(TO)/share/fromcache/hooks
	install -m 0644 $(addprefix deploy/edge/,$(EDGE)) $(TO)/share/fromcache/edge
	install deploy/edge/count-hits $(TO)/share/fromcache/edge

uninstall: ## remove what make install installed
	rm -f $(addprefix $(TO)/,$(INSTALLED))

$(BIN)/fromcache $(BIN)/fromcache-shim $(BIN)/fromcache-shim-tls &:
	$(MAKE) build

clean: ## remove what was built; ./data stays
	rm -rf bin $(DIST)

needs:
	@.ci/needs

.PHONY: help assets build original run demo test race fuzz torture storm replay bench lint shims image images dist man install uninstall clean needs
