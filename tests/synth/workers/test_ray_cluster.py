"""A pool of Ray actors does what a pool of processes does (on a Ray of this machine's own)."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth.workers.pool import TimeLimit, work_through
from synth.workers.ray_cluster import RayCluster
from tests.synth.worker_tasks import open_worker

pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379"])
def test_where_no_cluster_answers_is_said_at_once(address):
    with pytest.raises(BadInput, match=f"--ray {address}: no cluster answers there"):
        RayCluster(address).__enter__()


@pytest.fixture(scope="module")
def cluster():
    with RayCluster("local", workers=2) as cluster:
        yield cluster


def run(cluster, folder: Path, tasks: list[str], *, tasks_per_process: int = 10, limit=None):
    attempts, progress = [], []
    pool = cluster.pool(open_worker, str(folder), not_retried=(BadInput,))
    outcome = work_through(
        tasks,
        pool,
        workers=2,
        tasks_per_process=tasks_per_process,
        progress=progress.append,
        on_attempt=attempts.append,
        limit=limit,
    )
    return outcome, attempts, sum(progress)


def tries(folder: Path, task: str) -> list[str]:
    return [path.name.rpartition(".")[2] for path in folder.glob(f"{task}.*")]


def test_every_task_is_done_once_by_actors_that_do_not_grow_old(cluster, tmp_path):
    assert (cluster.size, cluster.threads(2)) == (2, 1)
    tasks = [f"task{k}" for k in range(5)]
    outcome, attempts, progress = run(cluster, tmp_path, tasks, tasks_per_process=2)
    assert (outcome.failures, outcome.unstarted, progress) == ((), 0, 10)
    assert {a.task: a.result for a in attempts} == {task: task.upper() for task in tasks}
    owners = tries(tmp_path, "task*")
    assert len(owners) == 5 and max(owners.count(pid) for pid in owners) <= 2
    assert str(os.getpid()) not in owners
    assert {a.worker.rpartition(":")[2] for a in attempts} == set(owners)


def test_what_fails_and_who_dies_is_tried_once_more_by_another_actor(cluster, tmp_path):
    tasks = ["fine", "crash-once", "raise-once", "raise-always", "crash-always", "hopeless"]
    outcome, attempts, progress = run(cluster, tmp_path, tasks)
    done = {a.task: a.number for a in attempts if a.reason is None}
    assert done == {"fine": 1, "crash-once": 2, "raise-once": 2}
    reasons = {failure.task: failure.reason for failure in outcome.failures}
    assert set(reasons) == {"raise-always", "crash-always", "hopeless"}
    assert reasons["raise-always"].startswith("RuntimeError: a lasting fault (worker_tasks.py:")
    assert reasons["crash-always"].startswith("its actor ended unexpectedly (")
    assert "\n" not in reasons["crash-always"]
    assert reasons["hopeless"] == "the input is at fault"
    assert len(set(tries(tmp_path, "crash-always"))) == 2
    assert len(set(tries(tmp_path, "raise-always"))) == 2
    assert progress == 2 * 3


def test_a_task_beyond_its_limit_is_ended_with_its_actor_and_not_tried_again(cluster, tmp_path):
    limit = TimeLimit(lambda task: 3.0 if task == "hang" else 300.0, "give more")
    outcome, attempts, progress = run(cluster, tmp_path, ["hang", "one", "two"], limit=limit)
    (failure,) = outcome.failures
    assert (failure.task, failure.reason) == (
        "hang",
        "took longer than 3 s, its limit, and was ended; give more",
    )
    assert {a.task for a in attempts if a.reason is None} == {"one", "two"} and progress == 4
    (process,) = tries(tmp_path, "hang")
    deadline = time.monotonic() + 60
    while Path(f"/proc/{process}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)  # Ray's kill is answered before the process is gone
    assert not Path(f"/proc/{process}").exists()


def test_what_stops_all_stops_all(cluster, tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        run(cluster, tmp_path / "nowhere", ["task1", "task2"])
    with pytest.raises(BadInput, match="no room anywhere"):
        run(cluster, tmp_path, ["stop", *(f"task{k}" for k in range(50))])
    assert len(tries(tmp_path, "task*")) < 50
