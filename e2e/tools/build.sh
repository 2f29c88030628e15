#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds crictl, critest and ginkgo, with which critest runs several specs at a time, at the versions pinned in go.mod,
# into e2e/.cache/bin. Silent and instant when nothing is left to do.
#
# The module asks for a newer Go than most distributions carry. Any Go from 1.14 on is enough to start with
# (Debian: apt-get install golang-go): where it is older than go.mod says, it fetches the right one as an ordinary
# module, golang.org/toolchain, through the module proxy and verified by the checksum database.
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

find_go() {
  for candidate in go /usr/local/go/bin/go /usr/lib/go/bin/go; do
    command -v "$candidate" 2>/dev/null && return 0
  done
  say 'Go is missing: install it (Debian: apt-get install golang-go; any version from 1.14)'
  return 1
}

# newer_or_equal A B: true when version A is at least B.
newer_or_equal() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# Prints the path of a go command that is at least the version of go.mod.
sufficient_go() {
  first=$(find_go) || return 1
  need=$(sed -n 's/^go \([0-9.]*\)$/\1/p' "$here/go.mod")
  have=$(cd / && GOTOOLCHAIN=local "$first" env GOVERSION | sed 's/^go//')
  if newer_or_equal "$have" "$need"; then
    printf '%s\n' "$first"
    return 0
  fi
  arch=$(cd / && "$first" env GOARCH)
  say "Go $have is older than $need: fetching Go $need through the module proxy"
  # Outside any module: an old go command could not read go.mod.
  root=$(cd / && GO111MODULE=on GOFLAGS='' GOTOOLCHAIN=local "$first" mod download -json \
    "golang.org/toolchain@v0.0.1-go$need.linux-$arch" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
  if [ -z "$root" ]; then
    say "Go $need could not be fetched (is the module proxy reachable?)"
    return 1
  fi
  # Files of a module lose their execute bits; the go command puts them back for its own toolchains just so.
  chmod -R u+w "$root/bin" "$root/pkg/tool"
  chmod +x "$root"/bin/* && find "$root/pkg/tool" -type f -exec chmod +x {} +
  printf '%s\n' "$root/bin/go"
}

go=$(sufficient_go) || exit 1
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
