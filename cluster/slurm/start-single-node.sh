#!/bin/bash
# A Slurm of one node on this machine, for tests; needs root and Debian's packages slurm-wlm and munge, touches neither their
# configuration nor their services, and keeps everything in one folder.
#
#   cluster/slurm/start-single-node.sh DIR          starts munged, slurmctld and slurmd
#   export SLURM_CONF=DIR/slurm.conf                sbatch, squeue, scontrol use it
#   cluster/slurm/start-single-node.sh --stop DIR
set -euo pipefail

stop() {
    for daemon in slurmd slurmctld munged; do
        [ -s "$1/$daemon.pid" ] || continue
        pid=$(cat "$1/$daemon.pid")
        # The number may be another process's by now.
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$daemon" ] || continue
        kill "$pid"
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
    done
}

if [ "${1:-}" = --stop ]; then
    stop "${2:?expected the folder}"
    exit
fi

dir=$(realpath -m "${1:?expected a folder}")
for program in munged slurmctld slurmd; do
    command -v "$program" >/dev/null || { echo "there is no $program: apt-get install slurm-wlm munge" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "slurmd needs root" >&2; exit 1; }

mkdir -p "$dir/state" "$dir/spool"
chmod 755 "$dir"
(umask 077 && head -c 1024 /dev/urandom > "$dir/munge.key")
cpus=$(nproc)
host=$(hostname -s)
memory=$(awk '/^MemTotal/ { print int($2 / 1024 * 0.9) }' /proc/meminfo)
port=$((20000 + $$ % 20000))
cat > "$dir/slurm.conf" <<CONF
ClusterName=single
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits until the credentials of its first start have expired: two minutes by default.
AuthInfo=socket=$dir/munge.socket,cred_expire=10
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
# No cgroups, no accounts, no MPI: what works in any container.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobRequeue=1
ReturnToService=2
SchedulerParameters=sched_interval=2,sched_min_interval=0,batch_sched_delay=0
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF

export SLURM_CONF=$dir/slurm.conf
trap 'stop "$dir"' ERR
munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" --seed-file="$dir/munged.seed" 2>"$dir/munged.err"
slurmctld -c
slurmd -c -N "$host"
for _ in $(seq 100); do
    state=$(sinfo -h -o %T 2>/dev/null || true)
    [ "$state" = idle ] && break
    sleep 0.2
done
[ "$state" = idle ] || { tail -n 5 "$dir"/*.log >&2; echo "the node is '$state', expected idle" >&2; stop "$dir"; exit 1; }
echo "$(scontrol --version) on $host with $cpus CPUs: export SLURM_CONF=$dir/slurm.conf"
