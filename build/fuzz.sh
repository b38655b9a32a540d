#!/usr/bin/env bash
# Gives damaged files to every reader: build/fuzz.sh [TARGET|all] [SECONDS] [OPTION...]
# TARGET is one of those in tests/Dino.Gpu.Fuzz/Targets, SECONDS (60) is for each; options are those of its Program.cs,
# such as --parallel 2 or --inputs 1000000. Findings are kept in artifacts/fuzz, and the exit code is 1 if there are any.
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

target=${1:-all}
seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
[ "$target" != all ] || target=

program=tests/Dino.Gpu.Fuzz/bin/Release/net10.0/Dino.Gpu.Fuzz.dll
dotnet build tests/Dino.Gpu.Fuzz -c Release -v quiet --nologo
dotnet "$program" instrument
exec dotnet "$program" run ${target:+"$target"} --seconds "$seconds" --findings artifacts/fuzz "$@"
