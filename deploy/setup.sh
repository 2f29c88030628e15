#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes a clone ready. Silent and instant when nothing is left to do.
#
#   deploy/setup.sh run     what the daemon and the quickstart need
#   deploy/setup.sh test    that, and what the tests need
#   deploy/setup.sh vm      that, and what the tests in a virtual machine need
#
# It installs the npm packages that package-lock.json names, as root on Debian the apt packages that are missing, and
# builds the keeper and gantry-oci. Elsewhere each missing prerequisite is one line that names it: an error for `run`; for the others
# an error where CI=true and a remark where not, because a test that lacks its tool says so itself.
set -eu

# Package, what shows that it is there (any one of these programs or files), why. Level `run` needs:
RUN='
gcc             cc                                                       compiles the keeper
libc6-dev       /usr/lib/*/libc.a,/usr/lib*/libc.a                       the keeper is linked statically
libseccomp2     /usr/lib/*/libseccomp.so.2,/lib/*/libseccomp.so.2,/usr/lib*/libseccomp.so.2  compiles seccomp filters
'
# What `run` installs where it can and does without elsewhere:
WISH='
containernetworking-plugins  /usr/lib/cni/bridge,/opt/cni/bin/bridge,/usr/libexec/cni/bridge  the network of pods
iproute2        ip                                                       removes the bridge that the plugins leave behind
'
TEST='
busybox-static  busybox           root file systems of the keeper tests
catatonit       catatonit         the init that podman puts in front of programs
containerd      containerd        the peer that suites are proved against
crun            crun              a peer of gantry-oci
docker-registry docker-registry   a foreign registry to pull from
e2fsprogs       mkfs.ext4         small disks to fill up
gcc-aarch64-linux-gnu  aarch64-linux-gnu-gcc  the keeper for the other architecture
golang-go       go,/usr/local/go/bin/go  builds crictl and critest
iptables        iptables          port mappings, and the look for rules left behind
libc6-dev-arm64-cross  /usr/aarch64-linux-gnu/lib/libc.a,/usr/lib/aarch64-linux-gnu/libc.a  that keeper is linked statically too
libcap2-bin     getcap            reads the capabilities of unpacked files
openssl         openssl           certificates of test registries
podman          podman            a caller of the OCI runtime
procps          ps                tests look at processes
prometheus      promtool          checks metrics and alert rules
python3         python3           reads extended attributes as raw bytes
qemu-user-static  qemu-aarch64-static  runs its tests
runc            runc              the runtime of the peer
uidmap          newuidmap         user namespaces of ordinary users
time            /usr/bin/time     measures the memory of commands
util-linux      nsenter           tests look into namespaces
'
VM='
debootstrap     debootstrap       makes the guest whose init is systemd
qemu-system-x86 qemu-system-x86_64  emulates the machine
'
# Packages above that bring a service. None may run, now or after the next boot, because of a set-up for tests.
SERVICES='containerd docker-registry podman prometheus'

say() { printf 'setup: %s\n' "$1" >&2; }
fail() {
  say "$1"
  exit 1
}

has() { # PROBE,PROBE…: any one of the programs or files exists
  ifs=$IFS
  IFS=,
  # shellcheck disable=SC2086 # split at the commas, and expand the patterns
  set -- $1
  IFS=$ifs
  for probe; do
    case $probe in
      /*) [ -e "$probe" ] && return ;;
      *) command -v "$probe" >/dev/null && return ;;
    esac
  done
  return 1
}

missing() { # TABLE: its rows whose probes find nothing, as "package why"
  printf '%s' "$1" | while read -r package probes why; do
    [ -z "$package" ] || has "$probes" || printf '%s: %s\n' "$package" "$why"
  done
}

# Outside of `npm run`, and so that npm is not run by the Node it is about to replace.
without_our_node() { printf '%s' "$PATH" | tr : '\n' | grep -v '/node_modules/\.bin$' | paste -s -d : -; }

# Every package that is locked is there with the same content. Optional ones are those of other machines.
packages_match() {
  [ -x node_modules/.bin/node ] && [ -f node_modules/.package-lock.json ] && node_modules/.bin/node -e '
    const read = (file) => JSON.parse(require("fs").readFileSync(file, "utf8")).packages
    const have = read("node_modules/.package-lock.json")
    const differs = ([path, { link, optional, integrity }]) =>
      path.startsWith("node_modules/") && !link && (path in have ? have[path].integrity !== integrity : !optional)
    process.exitCode = Object.entries(read("package-lock.json")).some(differs) ? 1 : 0'
}

npm_packages() {
  want=$(sha256sum package-lock.json)
  [ -x node_modules/.bin/node ] && [ "$(cat "$stamps/npm" 2>/dev/null)" = "$want" ] && return
  packages_match || install_npm_packages
  mkdir -p "$stamps"
  printf '%s\n' "$want" >"$stamps/npm"
}

install_npm_packages() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64 | Linux-aarch64) ;;
    *) fail "this is $(uname -s) on $(uname -m): Gantry runs on Linux, x86_64 or aarch64" ;;
  esac
  PATH=$(without_our_node)
  command -v node >/dev/null || fail 'Node.js is missing: install version 20 or newer, with npm'
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "Node.js $(node --version) is too old: install version 20 or newer"
  command -v npm >/dev/null || fail 'npm is missing: install version 9 or newer'
  say 'installing npm packages'
  quietly npm ci || fail 'npm ci failed'
  [ -x node_modules/.bin/node ] || fail 'npm ci left no node_modules/.bin/node: is omit=optional set for npm?'
}

# Runs a command; its output is shown only when it fails.
quietly() {
  log=$(mktemp)
  status=0
  "$@" </dev/null >"$log" 2>&1 || status=$?
  [ "$status" -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  return "$status"
}

apt_packages() { # ROWS
  names=$(printf '%s\n' "$1" | sed 's/:.*//')
  # shellcheck disable=SC2086 # one word a package
  set -- $names
  say "installing apt packages: $*"
  keep_services_down
  # The lists of a fresh machine are empty, those of an old one name files that are gone.
  apt_get install "$@" >/dev/null 2>&1 || { apt_get update && apt_get install "$@"; } || fail "apt-get install $* failed"
  disable_services "$@"
}

# Podman brings a network for CNI's directory, in which a runtime on this machine would take it for its own.
apt_get() {
  action=$1
  shift
  DEBIAN_FRONTEND=noninteractive quietly apt-get -q -y -o DPkg::Lock::Timeout=300 \
    -o DPkg::Options::=--path-exclude=/etc/cni/net.d/87-podman-bridge.conflist "$action" --no-install-recommends "$@"
}

# deb-policy: invoke-rc.d starts nothing while this program exists and answers 101.
keep_services_down() {
  policy=/usr/sbin/policy-rc.d
  [ ! -e "$policy" ] || return 0
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  trap 'exit 130' INT TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

disable_services() { # PACKAGE…: those that were installed just now
  for package; do
    case " $SERVICES " in *" $package "*) ;; *) continue ;; esac
    # shellcheck disable=SC2046 # one word a unit
    if has systemctl; then
      quietly systemctl disable $(units_of "$package")
    else
      # No systemd here; should this root be booted with one some day, it would start what is enabled now.
      for unit in $(units_of "$package"); do rm -f /etc/systemd/system/*.wants/"$unit"; done
      [ ! -e "/etc/init.d/$package" ] || quietly update-rc.d "$package" disable
    fi || say "the service of $package is still enabled: disable it by hand"
  done
}

units_of() { dpkg -L "$1" | sed -nE 's|^(/usr)?/lib/systemd/system/([^/]+)$|\2|p'; }

# What tells that rows are missing where nothing can be installed.
report() { # ROWS
  printf '%s\n' "$1" | while read -r row; do say "missing ${row}${advice}"; done
}

# The rows of a table that are missing, after installing what can be installed.
provide() { # TABLE
  rows=$(missing "$1")
  [ -n "$rows" ] || return 0
  advice=''
  if ! has apt-get; then
    advice=' (this is the Debian package)'
  elif [ "$(id -u)" -ne 0 ]; then
    advice=' (apt-get install it, or run this as root)'
  else
    apt_packages "$rows"
    rows=$(missing "$1")
  fi
}

level=${1:-}
case $level in
  run | test | vm) ;;
  *)
    echo 'usage: deploy/setup.sh run|test|vm' >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")/.."
stamps=node_modules/.cache/gantry-setup
PATH=$PATH:/usr/sbin:/sbin

# Two at once would install, build and remove under each other's feet.
exec 9<package.json
if has flock && ! flock -n 9; then
  say 'waiting for another set-up'
  flock 9
fi

npm_packages
table=$RUN$WISH
[ "$level" = run ] || table=$table$TEST
[ "$level" != vm ] || table=$table$VM
provide "$table"
if [ -n "$rows" ]; then
  needed=$(missing "$RUN")
  [ -z "$needed" ] || { report "$needed"; exit 1; }
  if [ "$level" != run ]; then
    report "$rows"
    [ "${CI:-}" != true ] || exit 1
  fi
fi
sh runtime-core/keeper/build.sh
sh runtime-core/oci-cli/build.sh
if [ "$level" != run ]; then
  sh e2e/kube/helm/build.sh || { say 'without helm the tests of the chart are skipped'; [ "${CI:-}" != true ] || exit 1; }
  sh e2e/tools/criu.sh || { say 'without CRIU the tests of checkpoints fail'; [ "${CI:-}" != true ] || exit 1; }
fi
