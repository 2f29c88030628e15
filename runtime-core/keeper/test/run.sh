#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds every test/*.test.c with the keeper's sources under ASan and UBSan and runs them; prints TAP.
# Usage: run.sh [name ...]   (plan, log, ...; all of them without an argument)
set -eu
cd "$(dirname "$0")"
out=../build/test
mkdir -p "$out"
flags="-std=c17 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer
  -fsanitize=address,undefined -fno-sanitize-recover=all"

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
fi
status=0
for test in "$@"; do
  name=${test%.test.c}
  program=$out/$name.test
  # shellcheck disable=SC2086
  "${CC:-cc}" $flags -o "$program" "$name.test.c" $objects
  echo "# $name"
  "$program" || status=1
done
exit $status
