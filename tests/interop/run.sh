#!/usr/bin/env bash
# Runs the crate against programs that nobody here wrote. Needs Node 20 or newer and npm.
#   bash tests/interop/run.sh emitter   every way of a live Better Auth server through SyncEmitterLayer
#   bash tests/interop/run.sh record    records tests/data/better-auth anew
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
folder="$target/interop"
mkdir -p "$folder"
cp "$here"/*.mjs "$here"/*.pem "$here"/package*.json "$here/.npmrc" "$folder"
# The packages of a run before are as good.
[ "$folder/node_modules/.package-lock.json" -nt "$here/package-lock.json" ] ||
    npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error
case "${1:-}" in
emitter)
    cargo build --quiet --features full --example interop_emitter
    PROXY="$target/debug/examples/interop_emitter" node "$folder/emitter.mjs"
    ;;
record) DATA="$here/../data/better-auth" node "$folder/record.mjs" ;;
*)
    echo "usage: $0 emitter|record" >&2
    exit 2
    ;;
esac
