#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Gets the CRIU that tests checkpoint and restore with, into e2e/.cache/criu: `e2e/.cache/criu/criu`. Silent and instant
# when it is there.
#
# A stable Debian's CRIU is older than many a kernel it is to work on, so it is sid's, with all the libraries that it
# needs, in a directory of its own: nothing is installed. The archive keeps no old versions of sid, so what is pinned is
# the least version; that every file is Debian's is checked by apt, from the archive's signature down.
set -eu

least=4.2
cache=$(cd "$(dirname "$0")/.." && pwd)/.cache
out=$cache/criu
stamp=$out/.stamp
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

want=$(sha256sum <"$0" | cut -c1-64)
if [ -x "$out/criu" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then exit 0; fi

say() { printf 'e2e/tools: %s\n' "$1" >&2; }
for tool in apt-get dpkg-deb dpkg; do
  command -v "$tool" >/dev/null || { say "CRIU is fetched with $tool, which is missing"; exit 1; }
done
[ -f "$keyring" ] || { say "CRIU is fetched from Debian, whose $keyring is missing"; exit 1; }

say 'fetching CRIU from Debian sid'
mkdir -p "$cache"
work=$(mktemp -d "$cache/.criu.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/apt/sources" "$work/new/root"
: >"$work/apt/status"
cat >"$work/apt/sources/sid.sources" <<SOURCES
Types: deb
URIs: http://deb.debian.org/debian
Suites: sid
Components: main
Signed-By: $keyring
SOURCES
# An apt of its own: it knows of no installed package, so it fetches every library, down to libc and its ld.so.
cat >"$work/apt/apt.conf" <<CONF
Dir::State "$work/apt";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$work/apt/sources";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "root";
CONF
apt() { APT_CONFIG=$work/apt/apt.conf apt-get -q -y "$@" >"$work/log" 2>&1 </dev/null || { cat "$work/log" >&2; exit 1; }; }
apt update
apt install --no-install-recommends --download-only criu

package=$(ls "$work"/apt/archives/criu_*.deb)
version=$(dpkg-deb -f "$package" Version)
dpkg --compare-versions "$version" ge "$least" || { say "Debian sid has CRIU $version, tests need $least"; exit 1; }
for package in "$work"/apt/archives/*.deb; do dpkg-deb -x "$package" "$work/new/root"; done

# It runs with the libraries it was built for, whatever this system has.
cat >"$work/new/criu" <<'WRAPPER'
#!/bin/sh
root=$(dirname "$0")/root
set -- "$root/usr/sbin/criu" "$@"
for loader in "$root"/usr/lib*/ld-linux-*.so.*; do exec "$loader" --library-path "$(echo "$root"/usr/lib/*-linux-gnu)" "$@"; done
WRAPPER
chmod 755 "$work/new/criu"
"$work/new/criu" --version >/dev/null || { say "CRIU $version does not run here"; exit 1; }
printf '%s\n' "$want" >"$work/new/.stamp"
rm -rf "$out"
mv "$work/new" "$out"
