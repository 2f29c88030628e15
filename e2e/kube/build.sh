#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Builds a Kubernetes node and its control plane (kubelet, kube-apiserver, kube-controller-manager, kube-scheduler,
# kubectl and etcd: one program under six names) at the versions pinned in go.mod, and helm (helm/build.sh), into
# e2e/.cache/bin. Silent and instant when nothing is left to do; the first time takes a quarter of an hour on two cores.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
bin=${here%/*}/.cache/bin
stamp=$bin/.kube-stamp
names='etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet'

# The stamp covers what decides the result: the pinned modules, the sources and this recipe.
sh "$here/helm/build.sh"
want=$(cd "$here" && cat build.sh go.mod go.sum node/*.go grpc-health/*.go | sha256sum | cut -c1-64)
if [ -x "$bin/kube-node" ] && [ -x "$bin/grpc-health" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
  exit 0
fi

say() { printf 'e2e/kube: %s\n' "$1" >&2; }

go=$(sh "${here%/*}/tools/go.sh" "$here/go.mod")
mkdir -p "$bin"
unset GOROOT
# cgo gives these programs nothing that a test needs, and would tie them to the C library they were built with.
export GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0

version=$(sed -n 's|.*k8s.io/kubernetes \(v[0-9.]*\).*|\1|p' "$here/go.mod" | head -n 1)
work=$(mktemp -d "$bin/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
log=$work/log
build() { # DIRECTORY LDFLAGS PACKAGE OUTPUT
  (cd "$1" && nice -n 19 "$go" build -trimpath -ldflags "-s -w $2" -o "$work/$4" "$3") >"$log" 2>&1 && return 0
  cat "$log" >&2
  return 1
}
say "building Kubernetes $version (a quarter of an hour, once)"
build "$here" "-X k8s.io/component-base/version.gitVersion=$version" ./node kube-node
build "$here" '' ./grpc-health grpc-health
mv -f "$work/kube-node" "$work/grpc-health" "$bin/"
for name in $names; do ln -sf kube-node "$bin/$name"; done
printf '%s\n' "$want" >"$stamp"
