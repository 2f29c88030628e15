#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds helm at the version pinned in go.mod into e2e/.cache/bin. Silent and instant when nothing is left to do.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
e2e=${here%/kube/helm}
bin=$e2e/.cache/bin
stamp=$bin/.helm-stamp
want=$(cd "$here" && cat build.sh go.mod go.sum tools.go | sha256sum | cut -c1-64)
if [ -x "$bin/helm" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi

go=$(sh "$e2e/tools/go.sh" "$here/go.mod")
mkdir -p "$bin"
unset GOROOT
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0
echo 'e2e/kube: building helm (a few minutes, once)' >&2
work=$(mktemp -d "$bin/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
cd "$here"
if ! nice -n 19 "$go" build -trimpath -ldflags '-s -w' -o "$work/helm" helm.sh/helm/v4/cmd/helm >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
mv -f "$work/helm" "$bin/"
printf '%s\n' "$want" >"$stamp"
