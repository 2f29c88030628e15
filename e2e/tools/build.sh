#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds crictl, critest and ginkgo, with which critest runs several specs at a time, at the versions pinned in go.mod,
# into e2e/.cache/bin. Silent and instant when nothing is left to do.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=${here%/*}/.cache/bin
stamp=$bin/.tools-stamp

# The stamp covers what decides the result: the pinned modules and this recipe.
want=$(cat "$here/go.mod" "$here/go.sum" "$here/build.sh" | sha256sum | cut -c1-64)
if [ -x "$bin/crictl" ] && [ -x "$bin/critest" ] && [ -x "$bin/ginkgo" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
  exit 0
fi

say() { printf 'e2e/tools: %s\n' "$1" >&2; }

go=$(sh "$here/go.sh" "$here/go.mod")
mkdir -p "$bin"
unset GOROOT
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0
cd "$here"

version=$(sed -n 's|.*sigs.k8s.io/cri-tools \(v[0-9.]*\).*|\1|p' go.mod | head -n 1)
say "building crictl and critest $version (a minute or two, once)"
flags="-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=$version"
work=$(mktemp -d "$bin/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
log=$work/log
quietly() {
  "$@" >"$log" 2>&1 && return 0
  cat "$log" >&2
  return 1
}
quietly nice -n 10 "$go" build -trimpath -ldflags "$flags" -o "$work/crictl" sigs.k8s.io/cri-tools/cmd/crictl
quietly nice -n 10 "$go" test -c -trimpath -ldflags "$flags" -o "$work/critest" sigs.k8s.io/cri-tools/cmd/critest
quietly nice -n 10 "$go" build -trimpath -ldflags '-s -w' -o "$work/ginkgo" github.com/onsi/ginkgo/v2/ginkgo
mv -f "$work/crictl" "$work/critest" "$work/ginkgo" "$bin/"
printf '%s\n' "$want" >"$stamp"
