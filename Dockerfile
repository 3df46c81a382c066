# The container of the action: the program, QEMU and firmware, and git for @pkg: and --policy-ref.
#
#   docker build --build-arg VERSION=v1.2.3 --tag linuxkit-action .
#   docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:$PWD" --workdir "$PWD" linuxkit-action build linuxkit.yml

ARG GO=golang:1.26-bookworm
ARG BASE=debian:bookworm-slim

FROM ${GO} AS build
WORKDIR /src
# Modules first: they change seldom and take longest to fetch. The packages of the
# program are not known before its source is copied, so this fetches every module.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
# CGO_ENABLED=0 links the program statically: it does not depend on the C library of the base.
RUN CGO_ENABLED=0 make build VERSION="$VERSION"

FROM ${BASE}
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates git ovmf qemu-efi-aarch64 qemu-system-arm qemu-system-x86 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin \
 && mkdir --mode 1777 /home/action
COPY --from=build /src/bin/linuxkit-action /usr/local/bin/linuxkit-action
# Any user may write here. Without --user the container runs without privileges.
ENV HOME=/home/action
USER 65534:65534
ENTRYPOINT ["linuxkit-action"]
