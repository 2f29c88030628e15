#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the keeper under ASan, LSan and UBSan (not static) and runs the tests with real containers against it; root.
# Usage: sanitized.sh [test file ...]
set -eu
cd "$(dirname "$0")"
out=$(mkdir -p ../build/sanitized && cd ../build/sanitized && pwd)
reports=$(mktemp -d /tmp/keeper-sanitized-XXXXXX)
trap 'rm -rf "$reports"' EXIT

# The keeper has no environment and no standard error: where to report has to be built in.
printf 'const char *__asan_default_options(void); const char *__ubsan_default_options(void);
const char *__asan_default_options(void) { return "log_path=%s/asan:abort_on_error=0:handle_abort=1"; }
const char *__ubsan_default_options(void) { return "log_path=%s/ubsan:print_stacktrace=1"; }\n' "$reports" "$reports" > "$out/options.c"
"${CC:-cc}" -std=c17 -O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers -fno-omit-frame-pointer \
  -fsanitize=address,undefined -fno-sanitize-recover=all -o "$out/gantry-keeper" ../*.c "$out/options.c"

if [ $# -eq 0 ]; then
  set -- ../../pod.root.test.ts ../*.root.test.ts
fi
status=0
for test in "$@"; do
  echo "# $test"
  GANTRY_KEEPER=$out/gantry-keeper ../../../node_modules/.bin/node "$test" || status=1
done
if [ -n "$(ls -A "$reports")" ]; then
  cat "$reports"/*
  status=1
else
  echo "# the sanitizers had nothing to say"
fi
exit $status
