#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# go.sh GO.MOD: prints the path of a go command that is at least the version that GO.MOD asks for.
#
# The modules ask for a newer Go than most distributions carry. Any Go from 1.14 on is enough to start with
# (Debian: apt-get install golang-go): where it is older than go.mod says, it fetches the right one as an ordinary
# module, golang.org/toolchain, through the module proxy and verified by the checksum database.
set -eu

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

first=$(find_go) || exit 1
need=$(sed -n 's/^go \([0-9.]*\)$/\1/p' "$1")
have=$(cd / && GOTOOLCHAIN=local "$first" env GOVERSION | sed 's/^go//')
if newer_or_equal "$have" "$need"; then
  printf '%s\n' "$first"
  exit 0
fi
arch=$(cd / && "$first" env GOARCH)
say "Go $have is older than $need: fetching Go $need through the module proxy"
# Outside any module: an old go command could not read go.mod.
root=$(cd / && GO111MODULE=on GOFLAGS='' GOTOOLCHAIN=local "$first" mod download -json \
  "golang.org/toolchain@v0.0.1-go$need.linux-$arch" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",*$/\1/p')
if [ -z "$root" ]; then
  say "Go $need could not be fetched (is the module proxy reachable?)"
  exit 1
fi
# Files of a module lose their execute bits; the go command puts them back for its own toolchains just so.
chmod -R u+w "$root/bin" "$root/pkg/tool"
chmod +x "$root"/bin/* && find "$root/pkg/tool" -type f -exec chmod +x {} +
printf '%s\n' "$root/bin/go"
