#!/bin/bash
# A plan as an array of jobs, each of which films its share into one folder or object store:
#
#     sbatch --array=1-64 examples/cluster/films.slurm.sh PLAN MOTIONS TEXTURES OUT [options of render-videos]
#
# Send the same line again to go on; send `JOBS=64 sbatch --array=3,17 ...` to repeat some jobs of the 64.
# To an address instead of a folder, with clips on the node's disk until their shard is whole:
#
#     sbatch --array=1-64 examples/cluster/films.slurm.sh PLAN MOTIONS TEXTURES s3://bucket/films \
#         --scratch /local/films
#
# How far all of it is: synth status OUT (or the folder of --scratch).
#SBATCH --job-name=films
#SBATCH --cpus-per-task=16
#SBATCH --mem-per-cpu=2G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@60
#SBATCH --requeue
#SBATCH --output=films-%A-%a.log
set -euo pipefail

if [ $# -lt 4 ]; then
    echo "expected PLAN MOTIONS TEXTURES OUT [options of render-videos]" >&2
    exit 2
fi
plan=$1 motions=$2 textures=$3 out=$4
shift 4
: "${SLURM_ARRAY_TASK_ID:?submit with sbatch --array=1-N}"
jobs=${JOBS:-$SLURM_ARRAY_TASK_MAX}
export OMP_NUM_THREADS=1

# exec: the signal that ends the job reaches the command, which leaves no half-made clip.
exec synth render-videos --plan "$plan" --motions "$motions" --textures "$textures" --out "$out" \
    --shard "$SLURM_ARRAY_TASK_ID/$jobs" --workers "${SLURM_CPUS_PER_TASK:-1}" "$@"
