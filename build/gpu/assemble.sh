#!/usr/bin/env bash
# build/gpu/assemble.sh OUT: assembles every GPU kernel for every architecture with NVIDIA's assembler, without a GPU. OUT gets KERNEL.sm_XX.ptx,
# KERNEL.sm_XX.sass and table.sm_XX.txt; the tables are printed: registers, spills and what the hot loops consist of. Then comes what the
# counting changed, from docs/gpu.md, whose last column has just been compared with the assembler.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: $0 OUT" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
DINO_CUDA_TOOLS=$(build/gpu/cuda-tools.sh)
export DINO_CUDA_TOOLS DINO_ASSEMBLE_OUT=$out DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet build tests/Dino.Gpu.Tests -c Release -v q >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2; exit 1; }
status=0
dotnet test --project tests/Dino.Gpu.Tests -c Release --no-build --filter-method 'Dino.Gpu.Tests.Kernels.Assembler.AssemblerTests.Every_kernel_assembles' \
  'Dino.Gpu.Tests.Kernels.Assembler.WarpgroupAssemblerTests.Every_product_assembles' \
  'Dino.Gpu.Tests.Kernels.Assembler.AssemblerTests.Page_says_what_the_counting_changed' \
  >"$out/test.log" 2>&1 || status=$?
cat "$out"/table.sm_*.txt
[ "$status" -eq 0 ] || { cat "$out/test.log" >&2; exit "$status"; }
printf '\nBefore the counting and now, on sm_90:\n\n'
sed -n '/^| what | before | now |/,/^$/p' docs/gpu.md
