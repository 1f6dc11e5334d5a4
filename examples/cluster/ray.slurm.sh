#!/bin/bash
# A plan on a Ray cluster that lives as long as this job. Its nodes share the disk of OUT and the program:
#
#     sbatch --nodes=4 examples/cluster/ray.slurm.sh PLAN MOTIONS TEXTURES OUT [options of render-videos]
#
# Send the same line again to go on. Where a clip is slow or a node is lost, the others take the rest.
#SBATCH --job-name=films
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --output=films-%j.log
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "expected PLAN MOTIONS TEXTURES OUT [options of render-videos]" >&2
    exit 2
fi
plan=$1 motions=$2 textures=$3 out=$4
shift 4
port=${PORT:-6379}
cores=${SLURM_CPUS_PER_TASK:-1}
export OMP_NUM_THREADS=1 RAY_USAGE_STATS_ENABLED=0
# Who has no token of this job can neither use its cluster nor run a program there.
RAY_AUTH_TOKEN=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
trap 'trap - TERM EXIT; kill $(jobs -p) 2>/dev/null; wait' EXIT
trap 'exit 143' TERM

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
start="ray start --block --num-cpus=$cores --object-store-memory=100000000"
on="srun --nodes=1 --ntasks=1 --overlap --nodelist"

# Ray on one node, until this job ends; a busy node may not be up within Ray's half a minute.
run_node() {
    local node=$1 child
    shift
    trap 'kill "$child"; wait "$child"; exit 143' TERM
    for _ in 1 2 3; do
        # shellcheck disable=SC2086
        $on "$node" $start "$@" &
        child=$!
        wait "$child" && return
    done
    return 1
}

run_node "${nodes[0]}" --head --port="$port" --include-dashboard=false &
until ray status --address="${nodes[0]}:$port" 2>/dev/null | grep -q node_; do
    kill -0 $! || exit 1
    sleep 2
done
for node in "${nodes[@]:1}"; do
    run_node "$node" --address="${nodes[0]}:$port" &
done

# Who comes later than the first clips is used from then on: every actor waits for a core.
synth render-videos --plan "$plan" --motions "$motions" --textures "$textures" --out "$out" \
    --ray "${nodes[0]}:$port" --workers "$((${#nodes[@]} * cores))" "$@" &
wait $!
