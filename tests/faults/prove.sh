#!/bin/bash
# Proves what a run into a folder promises. Three parts for each format:
#   1. The run is killed before each of its calls that change files.
#   2. Each of those calls fails, deletions too, and each of its reads of its own files (EIO, ENOSPC).
#   3. Opening or reading an input fails, once and three times in a row (EIO, ESTALE, EMFILE).
# After each the run is resumed, and every file is compared with those of an undisturbed run. Where a call fails, the run
# says so in one error, or does not need the call. An input that fails once leaves no trace.
# Needs Linux, gcc, and the .NET SDK unless DINO_DLL names a built dino.dll. Takes about fifteen minutes a format.
#
#   tests/faults/prove.sh [--inputs] [FORMAT...]     --inputs: the third part only, about two minutes a format
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
golden=$here/../Dino.Gpu.Tests/Golden
parts=all
[ "${1:-}" != --inputs ] || { parts=inputs; shift; }
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
mkdir "$work/few"
cp "$golden"/images/{gray.png,small.bmp,palette.png,gray.jpg} "$work/few"
inputs=$golden/images
embed() {
    local status=0
    {
        dotnet "$DINO_DLL" embed "$inputs" "@$work/list" --weights "$golden/checkpoints/tiny_hf.bin" --device cpu --batch 2 --shard-size 9 \
            --format "$format" --quiet "$@" >"$work/said" 2>&1 || status=$?
    } 2>"$work/shell" # says of each that it was killed
    return $status
}

# The files are those of an undisturbed run. A hidden file may be left where its deletion failed, until the next run.
same() {
    diff -r "$@" "$work/whole" "$work/out"
}

# disturbed ERROR TIMES READS PATH: every call in turn; sets $at to one more than there are.
disturbed() {
    local error=$1 times=$2 reads=$3 path=$4 status said
    for ((at = 1; ; at++)); do
        rm -rf "$work/out" "$work/call"
        status=0
        LD_PRELOAD=$work/interpose.so FAULT_PATH=$path FAULT_LOG=$work/call FAULT_AT=$at FAULT_ERROR=$error FAULT_TIMES=$times \
            FAULT_READS=$reads embed -o "$work/out" || status=$?
        [ -e "$work/call" ] || break # there are no more
        said=$(grep -vcE 'missing.png: no such file|^hint: ' "$work/said" || true)
        case $error.$status in
            0.137) ;;
            0.*) fail "$format: call $at was to kill the run, which ended with $status" ;;
            *.1) [ "$times.$reads" != 1.1 ] || fail "$format: call $at of an input failed once and ended the run"
                [ "$said" -eq 1 ] && grep -q '^dino: error: .*cannot ' "$work/said" || fail "$format: call $at failed and was not said in one error" ;;
            *.3) [ "$said" -eq 0 ] && same -x '.*' || fail "$format: call $at failed, and was not said, and other files came out" ;;
            *) fail "$format: call $at failed, and the run ended with $status" ;;
        esac
        status=0
        embed -o "$work/out" || status=$?
        [ $status -eq 3 ] && same || fail "$format: after call $at (error $error) the same command did not resume to the same files ($status)"
    done
}

files() {
    inputs=$golden/images
    rm -rf "$work/whole"
    local status=0
    embed -o "$work/whole" || status=$?
    [ $status -eq 3 ] || fail "$format: the run that nothing happens to ended with $status, expected 3"
    for error in 0 5 28; do # a kill; EIO; ENOSPC
        disturbed $error 1 0 "$work/out"
        [ $at -gt 20 ] || fail "$format: the run made $((at - 1)) calls, which cannot be"
        case $error in
            0) echo "$format: killed before each of $((at - 1)) calls, and resumed to the same files" ;;
            *) echo "$format: each of $((at - 1)) calls failed with error $error, was said in one error or not needed, and the run resumed to the same files" ;;
        esac
    done
}

for format; do
    [ $parts = inputs ] || files
    inputs=$work/few
    rm -rf "$work/whole"
    embed -o "$work/whole" || [ $? -eq 3 ] || fail "$format: the run of few inputs failed"
    for error in 5 116 24; do # EIO; ESTALE; EMFILE
        for times in 1 3; do
            disturbed $error $times 1 "$work/few/"
            [ $at -gt 8 ] || fail "$format: the run made $((at - 1)) calls on its inputs, which cannot be"
            case $times in
                1) echo "$format: each of $((at - 1)) calls on inputs failed once with error $error and left no trace" ;;
                *) echo "$format: each of $((at - 1)) calls on inputs failed three times with error $error; the run ended in order and resumed to the same files" ;;
            esac
        done
    done
done
echo PASS
