# The action's container: the program, and what it boots images with.
#
#   docker build --build-arg VERSION=v1.2.3 --tag linuxkit-action .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:$PWD" --workdir "$PWD" linuxkit-action build linuxkit.yml

ARG GO=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO} AS build
WORKDIR /src
# Modules first: they change seldom, and take longest to fetch. Mains cannot be
# listed before their source is here, so this takes all modules of go.sum.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
# CGO_ENABLED=0 makes the program static: it need not match the base's C library.
RUN CGO_ENABLED=0 GOFLAGS="'-ldflags=-s -w -X=github.com/org/linuxkit-action/internal/cli.release=${VERSION}'" make build

FROM ${BASE}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates ovmf qemu-efi-aarch64 qemu-system-arm qemu-system-x86 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && mkdir --mode 1777 /home/action
COPY --from=build /src/bin/linuxkit-action /usr/local/bin/linuxkit-action
# Whoever the container runs as may write here; it is nobody unless --user says so.
ENV HOME=/home/action
USER nobody:nogroup
ENTRYPOINT ["linuxkit-action"]
