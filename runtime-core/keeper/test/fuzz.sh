#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Fuzzes the plan decoder and the request parser with libFuzzer under ASan and UBSan.
# Usage: fuzz.sh SECONDS [plan|command]     needs clang and its compiler-rt (Debian: clang, libclang-rt-14-dev)
# The corpus is kept in ../build/fuzz; a finding is written there too and ends the run.
set -eu
cd "$(dirname "$0")"
seconds=$1
mkdir -p ../build/fuzz
out=$(cd ../build/fuzz && pwd) # absolute: the request fuzzer changes its directory
clang=${CLANG:-$(command -v clang || command -v clang-14)}
flags="-std=c17 -O1 -g -Wall -Wextra -Wno-missing-field-initializers -fno-omit-frame-pointer
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all"
mkdir -p "$out/plan" "$out/command"

seed() {
  # Real plans and real requests to start from.
  node=../../../node_modules/.bin/node
  "$node" seeds.ts "$out"
}

fuzz() {
  name=$1
  shift
  # shellcheck disable=SC2086
  nice -n 10 "$clang" $flags -Dmain=keeper_main -o "$out/fuzz-$name" "fuzz-$name.c" "$@"
  echo "# $name"
  nice -n 10 "$out/fuzz-$name" -max_total_time="$seconds" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
    -print_final_stats=1 -artifact_prefix="$out/" "$out/$name"
}

seed
case ${2:-all} in
plan | all) fuzz plan ../plan.c ;;
esac
case ${2:-all} in
command | all) fuzz command -Wl,--wrap=launch ../*.c ;;
esac
