#!/usr/bin/env bash
# build/gpu/bundle.sh [FILE]: builds one archive of the command and the tests, for a machine with a GPU and without .NET. Both are
# self-contained for linux-x64 and share one folder, so that the runtime is in it once. The tests' data are not in it: first.sh takes
# them from the source tree that it lies in. FILE is artifacts/gpu-bundle.tar.xz unless given.
set -euo pipefail
cd "$(dirname "$0")/../.."
file=${1:-artifacts/gpu-bundle.tar.xz}
most=$((36 << 20)) # with the source tree, 23 MiB, it has to stay below 64 MiB
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
folder=$work/dino-gpu-bundle
mkdir -p "$folder" "$(dirname "$file")"
for project in tests/Dino.Gpu.Tests src/Dino.Gpu.Cli; do
  dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:CardBundle=true -p:DebugType=none -p:RunAnalyzers=false \
    -p:SatelliteResourceLanguages=en -nodeReuse:false -v q -o "$folder" >"$work/publish.log" 2>&1 \
    || { cat "$work/publish.log" >&2; exit 1; }
done

# What only compiles, documents, debugs or counts coverage is not run there, and no test of a card writes Parquet or decodes by Skia.
rm -rf "$folder/Golden" "$folder/Microsoft.CodeCoverage"
find "$folder" \( -name '*.pdb' -o -name '*.xml' -o -name 'createdump' -o -name 'libmscordaccore.so' -o -name 'libmscordbi.so' \
  -o -name 'libclrgc*.so' -o -name 'libcoreclrtraceptprovider.so' -o -name 'ParquetSharpNative.so' -o -name 'libSkiaSharp.so' \) -delete

# Large files that hold the same code lie far apart: the dictionary has to span them.
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner -cf - dino-gpu-bundle | xz -T1 --lzma2=preset=9e,dict=256MiB >"$file"
size=$(stat -c %s "$file")
echo "$file: $((size >> 20)) MiB"
[ "$size" -lt "$most" ] || { echo "bundle: $size bytes, expected less than $most" >&2; exit 1; }
