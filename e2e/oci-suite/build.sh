#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds the validation suite of github.com/opencontainers/runtime-tools, at the commit pinned in go.mod: every program
# of its validation/ folder, the runtimetest that they run inside of containers, and their root file system, into
# e2e/.cache/oci-suite. Silent and instant when nothing is left to do.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
out=${here%/*}/.cache/oci-suite
module=github.com/opencontainers/runtime-tools

want=$(cd "$here" && cat build.sh go.mod go.sum | sha256sum | cut -c1-64)
if [ -x "$out/runtimetest" ] && [ "$(cat "$out/.stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi

go=$(sh "${here%/*}/tools/go.sh" "$here/go.mod")
mkdir -p "${out%/*}"
unset GOROOT
# Static: runtimetest runs where there is no C library.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0
printf 'e2e/oci-suite: building the validation suite (half a minute, once)\n' >&2
work=$(mktemp -d "${out%/*}/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$here"
mkdir "$work/programs"
# Messages of the build only where it fails.
nice -n 10 "$go" build -trimpath -ldflags '-s -w' -o "$work/programs/" "$module/validation/..." "$module/cmd/runtimetest" \
  >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
mv "$work/programs/runtimetest" "$work/"
cp "$("$go" list -m -f '{{.Dir}}' "$module")/rootfs-$("$go" env GOARCH).tar.gz" "$work/"
chmod 644 "$work"/rootfs-*.tar.gz
printf '%s\n' "$want" >"$work/.stamp"
rm -rf "$out"
chmod 755 "$work"
mv "$work" "$out"
