#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds every test/*.test.c with the keeper's sources under ASan and UBSan and runs them; prints TAP.
# Usage: run.sh [name ...]   (plan, log, ...; all of them without an argument)
# CROSS=aarch64: built for that machine and run by qemu-user. Without sanitizers, whose shadow memory and ptrace qemu-user
# does not have.
set -eu
cd "$(dirname "$0")"
out=../build/test${CROSS:+-$CROSS}
mkdir -p "$out"
flags="-std=c17 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer"
emulator=
if [ -n "${CROSS:-}" ]; then
  CC=$CROSS-linux-gnu-gcc
  flags="$flags -static"
  emulator=qemu-$CROSS-static
else
  flags="$flags -fsanitize=address,undefined -fno-sanitize-recover=all"
fi

# Objects of the keeper; its main is called something else, for each test has one of its own.
objects=
for source in ../*.c; do
  object=$out/$(basename "$source" .c).o
  objects="$objects $object"
  if [ -e "$object" ] && [ -z "$(find .. -maxdepth 1 -name '*.[ch]' -newer "$object")" ]; then continue; fi
  # shellcheck disable=SC2086
  "${CC:-cc}" $flags -Dmain=keeper_main -c -o "$object" "$source"
done

if [ $# -eq 0 ]; then
  set -- *.test.c
  # qemu-user does not know openat2, which these are about.
  [ -z "$emulator" ] || set -- $(printf '%s\n' "$@" | grep -v '^path\.test\.c$')
fi
status=0
for test in "$@"; do
  name=${test%.test.c}
  program=$out/$name.test
  # shellcheck disable=SC2086
  "${CC:-cc}" $flags -o "$program" "$name.test.c" $objects
  echo "# $name"
  # shellcheck disable=SC2086 # no word where there is no emulator
  $emulator "$program" || status=1
done
exit $status
