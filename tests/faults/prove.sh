#!/bin/bash
# Proves that a run into a folder survives a kill before each of its calls that change files, and a failure of each of them but
# deletions, and of each of its reads. After each the run is resumed, and every file is compared with those of an undisturbed run.
# Where a call fails, the run says so in one error, or does not need the call.
# Needs Linux, gcc, and the .NET SDK unless DINO_DLL names a built dino.dll. Takes about ten minutes a format.
#
#   tests/faults/prove.sh [FORMAT...]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../Dino.Gpu.Tests/Golden
[ $# -gt 0 ] || set -- npz

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "FAIL: $*" >&2
    cat "$work/call" "$work/said" >&2
    exit 1
}

gcc -shared -fPIC -O1 -Wall -o "$work/interpose.so" "$here/interpose.c" -ldl
if [ -z "${DINO_DLL:-}" ]; then
    dotnet build -c Release "$here/../../src/Dino.Gpu.Cli" -o "$work/dino" >"$work/build.txt" 2>&1 || { cat "$work/build.txt" >&2; exit 1; }
    DINO_DLL=$work/dino/dino.dll
fi

# One image cannot be read: exit code 3.
echo missing.png >"$work/list"
embed() {
    local status=0
    {
        dotnet "$DINO_DLL" embed "$golden/images" "@$work/list" --weights "$golden/checkpoints/tiny_hf.bin" --device cpu --batch 2 --shard-size 9 --format "$format" --quiet "$@" \
            >"$work/said" 2>&1 || status=$?
    } 2>"$work/shell" # says of each that it was killed
    return $status
}

for format; do
    rm -rf "$work/whole"
    status=0
    embed -o "$work/whole" || status=$?
    [ $status -eq 3 ] || fail "$format: the run that nothing happens to ended with $status, expected 3"
    for error in 0 5 28; do # a kill; EIO; ENOSPC
        for ((at = 1; ; at++)); do
            rm -rf "$work/out" "$work/call"
            status=0
            LD_PRELOAD=$work/interpose.so FAULT_PATH=$work/out FAULT_LOG=$work/call FAULT_AT=$at FAULT_ERROR=$error embed -o "$work/out" || status=$?
            [ -e "$work/call" ] || break # there are no more
            said=$(grep -vcE 'missing.png: no such file|^hint: ' "$work/said" || true)
            case $error.$status in
                0.137) ;;
                0.*) fail "$format: call $at was to kill the run, which ended with $status" ;;
                *.1) [ "$said" -eq 1 ] && grep -q '^dino: error: cannot ' "$work/said" || fail "$format: call $at failed and was not said in one error" ;;
                *.3) [ "$said" -eq 0 ] && diff -r "$work/whole" "$work/out" || fail "$format: call $at failed, and was not said, and other files came out" ;;
                *) fail "$format: call $at failed, and the run ended with $status" ;;
            esac
            status=0
            embed -o "$work/out" || status=$?
            [ $status -eq 3 ] && diff -r "$work/whole" "$work/out" || fail "$format: after call $at (error $error) the same command did not resume to the same files ($status)"
        done
        [ $at -gt 20 ] || fail "$format: the run made $((at - 1)) calls, which cannot be"
        case $error in
            0) echo "$format: killed before each of $((at - 1)) calls, and resumed to the same files" ;;
            *) echo "$format: each of $((at - 1)) calls failed with error $error, was said in one error or not needed, and the run resumed to the same files" ;;
        esac
    done
done
echo PASS
