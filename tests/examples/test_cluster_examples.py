"""The files of examples/cluster/ are run as far as one machine goes: Slurm's part is played here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from synth.films.ledger import read_ledger, read_ledger_files
from synth.films.render_videos import render_videos
from synth.films.run_options import RunOptions
from synth.plans.plan_row import write_plan
from tests.synth.small_film_set import ROOT, clip_contents, open_set, plan_set, write_inputs

CLUSTER = ROOT / "examples" / "cluster"
CLIPS = 6
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory, body) -> Path:
    """Inputs, a plan, its films by one process, and a `bin` with the commands that a node has."""
    folder = tmp_path_factory.mktemp("cluster")
    write_inputs(folder, body)
    inputs = open_set(folder)
    rows = plan_set(inputs, clips=CLIPS)
    write_plan(folder / "plan.jsonl", rows)
    render_videos(rows, inputs, folder / "whole", RunOptions(workers=1))
    programs = {
        "synth": f"exec {sys.executable} -c 'from synth.cli import main; main()' \"$@\"",
        "ray": f'exec {Path(sys.executable).parent / "ray"} "$@"',
        # As Slurm's, on one machine: the nodes' names, and a command on one of them.
        "scontrol": 'echo "$3" | tr , "\\n"',
        "srun": 'while [ "$1" != ray ]; do shift; done; exec "$@"',
    }
    (folder / "bin").mkdir()
    for name, text in programs.items():
        (folder / "bin" / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


def run(folder: Path, script: str, out: Path, *more: str, **slurm: object) -> None:
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **{name: str(value) for name, value in slurm.items()},
    }
    words = [folder / "plan.jsonl", folder / "motions", folder / "textures", out, *more]
    done = subprocess.run(
        ["bash", str(CLUSTER / script), *map(str, words)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]


def test_the_jobs_of_a_slurm_array_make_the_films_of_one_process(folder, tmp_path):
    for task in (1, 2):
        run(
            folder,
            "films.slurm.sh",
            tmp_path / "out",
            SLURM_ARRAY_TASK_ID=task,
            SLURM_ARRAY_TASK_MAX=2,
            SLURM_CPUS_PER_TASK=1,
        )
    assert clip_contents(tmp_path / "out") == clip_contents(folder / "whole")
    files = {file.shard: len(file.lines) for file in read_ledger_files(tmp_path / "out")}
    assert files == {"1/2": CLIPS // 2, "2/2": CLIPS // 2}
    for name in ("clips.jsonl", "checksums.jsonl"):
        assert (tmp_path / "out" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def test_a_ray_cluster_of_two_nodes_makes_the_films_of_one_process(folder, tmp_path):
    pytest.importorskip("ray")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run(
        folder,
        "ray.slurm.sh",
        tmp_path / "out",
        SLURM_JOB_NODELIST="127.0.0.1,127.0.0.1",
        SLURM_CPUS_PER_TASK=1,
        PORT=port,
    )
    assert clip_contents(tmp_path / "out") == clip_contents(folder / "whole")
    lines = list(read_ledger(tmp_path / "out"))
    assert len(lines) == CLIPS and {line.state for line in lines} == {"done"}
    # An actor on each node, of one core; on a busy machine the second may come when all is done.
    assert len({line.worker for line in lines}) in (1, 2)
    with pytest.raises(OSError):  # nothing is left running
        socket.create_connection(("127.0.0.1", port), timeout=2).close()


def test_the_jobs_refuse_what_they_cannot_work_with(folder):
    for script in ("films.slurm.sh", "ray.slurm.sh"):
        done = subprocess.run(
            ["bash", str(CLUSTER / script), "plan.jsonl"], capture_output=True, text=True
        )
        assert done.returncode == 2 and "expected PLAN MOTIONS" in done.stderr


def test_the_ray_cluster_file_is_one_that_ray_reads():
    pytest.importorskip("ray")
    yaml = pytest.importorskip("yaml")
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = yaml.safe_load((CLUSTER / "ray.yaml").read_text())
    validate_config(prepare_config(config))
