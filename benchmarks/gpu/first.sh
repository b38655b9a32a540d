#!/usr/bin/env bash
# benchmarks/gpu/first.sh BUNDLE [STEP...]: everything that the first run on a card should do, in this order, or only the steps that are
# named. BUNDLE is the archive of build/gpu/bundle.sh, or the folder that it unpacks to. README.md beside this file lists the steps.
#
# Every step has its own time limit. What it prints goes to $OUT/steps/NN-STEP.log, its results beside it, one line for each step to
# $OUT/summary.txt, and all of it at the end into $OUT/first.tar.gz. A step that fails, hangs or misses a tool leaves the others standing.
# Exit code: 0 if every step that ran succeeded, 1 if one failed, 2 for wrong usage.
set -uo pipefail

usage() {
  echo "usage: OUT=FOLDER $0 BUNDLE [STEP...]" >&2
  exit 2
}

# NAME SECONDS, in the order in which they run; 525 s in all. With the unpacking before them they end within FIRST_SECONDS.
steps=(
  "smi 10" "devices 10"
  "tests 110"
  "memcheck-bf16 30" "memcheck-fp32 30" "racecheck-bf16 30" "racecheck-fp32 30"
  "bench-bf16 20" "bench-mma 20" "bench-fp32 20" "bench-fp16 20" "bench-tf32 20"
  "torch 95"
  "ncu-products 20" "ncu-attention 20" "ncu-norm 20" "ncu-fp32 20"
)

# The test classes with tests that run on a card; DINO_TEST_DEVICES leaves other devices out of them.
classes=(
  BatchSizeTests LinearProbeTests MultiScaleTests AlgorithmsOracleTests PortableAttentionTests PortableGemmTests
  PortableRowKernelTests TensorProductDeviceTests DevicePipelineTests DevicePreprocessorTests FamilyDeviceTests FamilyModelTests
  PortableModelTests FullSizeCudaTests ConcurrentSearchTests PortableSearchTests SortedSelectionTests
)

[ -z "${FIRST_CLASSES:-}" ] || read -ra classes <<<"$FIRST_CLASSES"

[ $# -ge 1 ] && [ -n "${OUT:-}" ] || usage
bundle=$1
shift
for name in "$@"; do
  printf '%s\n' "${steps[@]}" | grep -q "^$name " || { echo "first: no step '$name'" >&2; usage; }
done

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
end=$((SECONDS + ${FIRST_SECONDS:-535}))
mkdir -p "$OUT/steps" && OUT=$(cd "$OUT" && pwd) || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -d "$bundle" ]; then
  bin=$(cd "$bundle" && pwd)
else
  # tar needs xz, which not every machine has.
  tar -xJf "$bundle" -C "$work" 2>/dev/null || "${PYTHON:-python3}" -m tarfile -e "$bundle" "$work" 2>/dev/null \
    || { echo "first: $bundle cannot be unpacked" >&2; exit 2; }
  bin=$work/dino-gpu-bundle
fi
[ -e "$bin/Golden" ] || ln -s "$here/../../tests/Dino.Gpu.Tests/Golden" "$bin/Golden"
# Where CUDA and its profiler install themselves.
for folder in /usr/local/cuda/bin /opt/nvidia/nsight-compute/*/; do
  [ ! -d "$folder" ] || PATH=$PATH:$folder
done

device=${FIRST_DEVICE:-cuda:0}
weights=${FIRST_WEIGHTS:-synthetic}
batches=${FIRST_BATCHES:-1,8,32,128,512}
pictures=("$here"/../../samples/*.png "$here"/../../samples/*.jpg)
export DOTNET_CLI_TELEMETRY_OPTOUT=1
export DINO_TEST_CUDA=${DINO_TEST_CUDA:-real} DINO_TEST_DEVICES=${DINO_TEST_DEVICES:-cuda}

# need TOOL: 77, which is told as skipped, where it is not there.
need() {
  command -v "$1" >/dev/null || { echo "skipped: no $1 here"; exit 77; }
}

# embed PRECISION [TOOL...]: four pictures in one batch, under a tool.
embed() {
  local precision=$1
  shift
  "$@" "$bin/dino" embed "${pictures[@]}" --weights "$weights" --device "$device" --precision "$precision" --batch 4 \
    -o "$work/$precision.npy"
}

# sanitize TOOL PRECISION
sanitize() {
  need compute-sanitizer
  embed "$2" compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20
}

# profile PRECISION KERNEL SKIP: one launch of a kernel, behind SKIP others of its name. In the modules kernels have the names of their
# methods, so most are Kernel_Kernel: the first pass launches the patch embedding, in float32 a LayerNorm, then qkv, then attention.
# On 9.0 products in 16 bits have names of their own, and the first that only stores is qkv; elsewhere nothing has such a name. The
# card's clocks are left as they are, which is what the benchmarks measure.
profile() {
  need ncu
  embed "$1" ncu --clock-control none --set full --kernel-name "regex:^$2\$" --launch-skip "$3" --launch-count 1 --force-overwrite --export "$results" \
    && ncu --import "$results.ncu-rep" --page details
}

# bench PRECISION
bench() {
  "$bin/dino" bench --weights "$weights" --device "$device" --precision "$1" --batches "$batches" --model-only --json >"$results.json" \
    && cat "$results.json"
}

run_step() {
  case $1 in
    smi) need nvidia-smi && nvidia-smi && nvidia-smi -q -d CLOCK,POWER,COMPUTE ;;
    devices) "$bin/dino" devices --json | tee "$results.json" ;;
    tests)
      local chosen=()
      for name in "${classes[@]}"; do chosen+=(-class "*.$name"); done
      "$bin/Dino.Gpu.Tests" "${chosen[@]}" -reporter verbose -noColor -result-xml "$results.xml" ;;
    memcheck-*) sanitize memcheck "${1#*-}" ;;
    racecheck-*) sanitize racecheck "${1#*-}" ;;
    bench-mma) DINO_WITHOUT_WGMMA=1 bench bf16 ;;
    bench-*) bench "${1#*-}" ;;
    torch)
      need "${PYTHON:-python3}"
      "${PYTHON:-python3}" -c 'import torch, transformers' 2>/dev/null || { echo "skipped: no torch and transformers here"; exit 77; }
      # Twenty compiles do not fit: what decides comes first, and the rest is another run with the same results file.
      "$here/run.sh" "$bin/dino" --device "$device" --weights "$weights" --precisions bf16 --batches "${FIRST_TORCH_BATCHES:-128,32,1}" \
        --peers sdpa,compile --rounds 3 --budget "${FIRST_TORCH_BUDGET:-75}" --results "$results.json" ;;
    ncu-products) profile bf16 'wgmma_[0-9x]+_bf16_store' 0 || profile bf16 Kernel_Kernel 1 ;;
    ncu-attention) profile bf16 Kernel_Kernel 2 ;;
    ncu-norm) profile bf16 Kernel_LayerNormKernel 0 ;;
    ncu-fp32) profile fp32 Kernel_Kernel 2 ;;
  esac
}

pack() {
  tar -czf "$OUT/first.tar.gz" -C "$OUT" steps summary.txt
  [ "${FIRST_PACK:-0}" = 0 ] || rm -rf "$OUT/steps"
}

# One step in a process group of its own, so that its time limit ends all that it started.
if [ -n "${FIRST_STEP:-}" ]; then
  results=$FIRST_RESULTS
  run_step "$FIRST_STEP"
  exit $?
fi

: >"$OUT/summary.txt"
failed=0
number=0
for step in "${steps[@]}"; do
  read -r name limit <<<"$step"
  number=$((number + 1))
  [ $# -eq 0 ] || printf '%s\n' "$@" | grep -qx "$name" || continue
  [ -z "${FIRST_LIMIT:-}" ] || limit=$FIRST_LIMIT
  left=$((end - SECONDS - 5)) # what --kill-after may take
  [ "$limit" -le "$left" ] || limit=$left
  if [ "$limit" -lt 1 ]; then
    printf '%-16s %4d s  %s\n' "$name" 0 "left out: the ${FIRST_SECONDS:-535} s are spent" | tee -a "$OUT/summary.txt"
    failed=1
    continue
  fi
  results=$(printf '%s/steps/%02d-%s' "$OUT" "$number" "$name")
  start=$SECONDS
  FIRST_STEP=$name FIRST_RESULTS=$results timeout --kill-after=5 "$limit" "${BASH_SOURCE[0]}" "$bin" >"$results.log" 2>&1 </dev/null
  code=$?
  case $code in
    0) what="ok" ;;
    77) what=$(tail -n 1 "$results.log") ;;
    124 | 137) what="ended after its limit of $limit s" failed=1 ;;
    *) what="failed (exit code $code)" failed=1 ;;
  esac
  printf '%-16s %4d s  %s\n' "$name" $((SECONDS - start)) "$what" | tee -a "$OUT/summary.txt"
done
pack
exit "$failed"
