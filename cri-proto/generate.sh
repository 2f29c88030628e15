#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Regenerates generated/ from runtime.v1.proto. Needs Node and npm; the tools are fetched at these versions into a
# directory outside the repository. What it writes is committed, so nobody needs it to run or test Gantry.
#
#   cri-proto/generate.sh [TOOLS-DIRECTORY]
#
# buf compiles (Debian's protoc 3.21 does not know the option debug_redact), ts-proto writes the codecs.
set -eu

BUF=1.75.0
TS_PROTO=2.18.0

here=$(cd "$(dirname "$0")" && pwd)
tools=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/gantry-proto-$BUF-$TS_PROTO}

if [ ! -x "$tools/node_modules/.bin/buf" ]; then
  mkdir -p "$tools"
  npm install --prefix "$tools" --no-save --no-audit --no-fund "@bufbuild/buf@$BUF" "ts-proto@$TS_PROTO" >&2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/runtime.v1.proto" "$work/"

# enumsAsLiterals: no TypeScript enum in the way of a plain number.    forceLong=bigint: 64-bit numbers stay exact.
# useOptionals=messages: an absent message may be left out of a literal.    useExactTypes, outputJsonMethods: less code.
cat >"$work/buf.gen.yaml" <<EOF
version: v2
plugins:
  - local: ["$tools/node_modules/.bin/protoc-gen-ts_proto"]
    out: out
    opt:
      - env=node
      - esModuleInterop=true
      - importSuffix=.ts
      - enumsAsLiterals=true
      - unrecognizedEnum=false
      - forceLong=bigint
      - useExactTypes=false
      - useOptionals=messages
      - outputPartialMethods=true
      - outputJsonMethods=false
      - outputServices=grpc-js
      - outputIndex=false
      - removeEnumPrefix=false
EOF

cd "$work"
"$tools/node_modules/.bin/buf" build . --as-file-descriptor-set --exclude-source-info -o "$work/runtime.v1.binpb"
"$tools/node_modules/.bin/buf" generate .

# JavaScript and declarations rather than TypeScript: to strip the types of 600 KB at every start would cost the daemon
# 50 MB and 75 ms (measured with Node 24.21).
cat >"$work/tsconfig.json" <<EOF
{
  "extends": "$here/../tsconfig.json",
  "compilerOptions": { "noEmit": false, "declaration": true, "outDir": "js", "rootDir": "out", "typeRoots": ["$here/../node_modules/@types"],
    "allowImportingTsExtensions": false },
  "include": ["out"]
}
EOF
echo '{"type":"module"}' >"$work/package.json"
ln -s "$here/../node_modules" "$work/node_modules"
"$here/../node_modules/.bin/tsc" -p "$work"

mkdir -p "$here/generated"
cp "$work/runtime.v1.binpb" "$here/generated/"
for file in runtime.v1.js runtime.v1.d.ts; do
  { echo '// SPDX-License-Identifier: Apache-2.0'; cat "$work/js/$file"; } >"$here/generated/$file"
done
