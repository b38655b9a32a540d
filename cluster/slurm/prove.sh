#!/bin/bash
# Proves on a real Slurm on this machine that a run in parts is the run of one process: 2 000 pictures, an array of eight tasks of
# embed.sbatch, of which one is requeued, one runs out of time and one has its dino killed; then `dino merge`, and every file compared.
# Needs root, Debian's packages slurm-wlm and munge, and the .NET SDK unless DINO_DLL names a built dino.dll. Takes about two minutes.
#
#   cluster/slurm/prove.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pictures=2000
tasks=8

work=$(mktemp -d)
chmod 755 "$work"
job=
finish() {
    [ -z "$job" ] || scancel "$job" 2>/dev/null || true
    "$here/start-single-node.sh" --stop "$work/slurm" || true
    if [ "${KEEP:-}" = 1 ]; then echo "kept: $work"; else rm -rf "$work"; fi
}
trap finish EXIT
fail() {
    echo "FAIL: $*" >&2
    tail -n 20 "$work"/*.log >&2 2>/dev/null || true
    exit 1
}

# A `dino` for the tasks' PATH.
if [ -z "${DINO_DLL:-}" ]; then
    dotnet build -c Release "$here/../../src/Dino.Gpu.Cli" -o "$work/dino" >"$work/build.txt" 2>&1 || { cat "$work/build.txt" >&2; exit 1; }
    DINO_DLL=$work/dino/dino.dll
fi
mkdir "$work/bin"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$(command -v dotnet)" "$DINO_DLL" > "$work/bin/dino"
chmod +x "$work/bin/dino"
export PATH=$work/bin:$PATH

# 32 x 32 pixels of 24 bits, which are the picture's number over and over. One of them is damaged, one is missing.
mkdir "$work/pictures"
cd "$work"
for number in $(seq -w "$pictures"); do
    {
        printf 'BM\x36\x0c\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x20\0\0\0\x20\0\0\0\x01\0\x18\0\0\0\0\0\0\x0c\0\0\x13\x0b\0\0\x13\x0b\0\0\0\0\0\0\0\0\0\0'
        yes "picture $number" | head -c 3072 || true
    } > "pictures/$number.bmp"
done
echo broken > pictures/0777.bmp
ls -d pictures/*.bmp > list.txt
echo pictures/none.bmp >> list.txt

run=(@list.txt --weights synthetic --device cpu --size 64 --batch 4 --shard-size 300 --quiet)
status=0
dino embed "${run[@]}" -o single --threads 1 --shard none 2>single.log || status=$?
[ "$status" -eq 3 ] || fail "the run of one process ended with $status, expected 3 for the two pictures that cannot be read"
echo "one process: $(wc -l < list.txt) rows in $(ls single/shard-* | wc -l) shards"

"$here/start-single-node.sh" "$work/slurm"
export SLURM_CONF=$work/slurm/slurm.conf
job=$(sbatch --parsable --array="0-$((tasks - 1))" --cpus-per-task=1 --gres=none --mem=0 "$here/embed.sbatch" "${run[@]/--quiet/--verbose}" -o out)
echo "array job $job of $tasks tasks"

# In the middle of its part: rows are in the journal, and no shard is whole.
part() { printf 'out/part-%05d-of-%05d' "$1" "$tasks"; }
await_middle() {
    for _ in $(seq 6000); do
        [ "$(stat -c %s "$(part "$1")/shard-00000.journal" 2>/dev/null || echo 0)" -ge 65536 ] && return
        sleep 0.02
    done
    fail "task $1 did not get to the middle of its part"
}
# The number that Slurm gives a task of an array beside its name, such as 12 for 8_3.
id_of() { scontrol show job -o "${job}_$1" | sed -E "s/^JobId=([0-9]+) .*/\1/"; }
dino_of() {
    for pid in $(scontrol listpids "$(id_of "$1")" | awk 'NR > 1 { print $1 }'); do
        tr "\0" " " 2>/dev/null < "/proc/$pid/cmdline" | grep -q "dino.dll embed" && echo "$pid" && return
    done
    fail "no process of task $1"
}

await_middle 2
scontrol requeue "${job}_2"
echo "task 2: was requeued (scontrol requeue)"
await_middle 4
# It asks again and again for a task that has ended meanwhile, and must not meet it in its second life.
timeout 2 scancel --batch --signal=USR1 "$(id_of 4)" || true
echo "task 4: was told that its time is up (USR1, as --signal=B:USR1@120 does)"
await_middle 7
kill -KILL "$(dino_of 7)"
echo "task 7: its dino was killed (kill -9)"

sbatch --parsable --wait --dependency="afterok:$job" --kill-on-invalid-dep=yes --output=merge.log --wrap "dino merge out -o merged" >merge.job &
merging=$!
for _ in $(seq 400); do
    kill -0 "$merging" 2>/dev/null || break
    sleep 1
done
kill -0 "$merging" 2>/dev/null && { squeue >&2; fail "the array did not end"; }
wait "$merging" || fail "the merge ended with $?"

echo "task  state       restarts  exit"
for task in $(seq 0 $((tasks - 1))); do
    scontrol show job -o "${job}_$task" | sed -E 's/.*JobState=([A-Z]+).* Restarts=([0-9]+).* ExitCode=([0-9:]+).*/\1 \2 \3/' | while read -r state restarts exit; do
        printf '%4s  %-10s  %8s  %s\n' "$task" "$state" "$restarts" "$exit"
        [ "$state" = COMPLETED ] || exit 1
        case $task in 2 | 4 | 7) expected=1 ;; *) expected=0 ;; esac
        [ "$restarts" -eq "$expected" ] || exit 1
    done || fail "task $task is not as it should be"
done
for task in 2 4 7; do
    resumed=$(grep -E 'holds [1-9][0-9]* of [0-9]+ rows; resuming there' "dino-${job}_$task.log") || fail "task $task did not resume where it had ended"
    echo "task $task: ${resumed#dino: }"
done
grep -q 'dino ended with 130, once more' "dino-${job}_4.log" || fail "task 4 did not end in order and put itself back in the queue"
grep -q 'dino ended with 137, once more' "dino-${job}_7.log" || fail "task 7 did not put itself back in the queue"
cat merge.log

files=0
[ "$(ls -A single)" = "$(ls -A merged)" ] || fail "the folders have different files: $(ls -A single merged | tr '\n' ' ')"
for file in single/*; do
    cmp "$file" "merged/${file#single/}" || fail "$file differs"
    files=$((files + 1))
done
echo "PASS: $files files of the merged run equal those of one process, byte for byte"
