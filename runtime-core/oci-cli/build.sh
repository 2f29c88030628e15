#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes one file of gantry-oci's modules, with the code that V8 compiles of them. Silent and instant when it is up to date.
set -eu
cd "$(dirname "$0")"
out=build/gantry-oci.bin
bin=../../node_modules/.bin
# Another Node or bundler shows in the lock file: packages keep the times of their making.
newer=$(find .. ../../package-lock.json \( -name '*.ts' ! -name '*.test.ts' -o -name build.sh -o -name package-lock.json \) \
  -newer "$out" 2>/dev/null) || newer=all
[ -n "$newer" ] || exit 0
mkdir -p build
bundle() { # ENTRY OUT OPTIONS…
  entry=$1
  file=$2
  shift 2
  "$bin/esbuild" "$entry" --bundle --platform=node --target=node24 --format=cjs --minify-syntax --minify-whitespace \
    --external:koffi --log-level=warning --outfile="$file" "$@"
}
bundle program.ts build/gantry-oci.js --define:import.meta.dirname=directory \
  --banner:js='(function (require, directory) { const module = { exports: {} };' --footer:js='return module.exports })'
bundle bundled-start.ts build/gantry-oci.cjs.new
# It runs commands that print, and fail.
said=$("$bin/node" --disable-warning=ExperimentalWarning bundle-code.ts build/gantry-oci.js "$out.new" 2>&1) || {
  printf '%s\n' "$said" >&2
  exit 1
}
rm build/gantry-oci.js
mv build/gantry-oci.cjs.new build/gantry-oci.cjs
mv "$out.new" "$out"
