"""Worker processes: everything is done once, what fails is tried twice and then named."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth.workers import work_through
from tests.synth.worker_studios import open_studio


def run(folder: Path, tasks: list[str], **changes):
    results, progress = {}, []
    failures = work_through(
        tasks,
        open_studio=open_studio,
        settings=str(folder),
        finished=results.__setitem__,
        progress=progress.append,
        **({"workers": 2, "tasks_per_process": 10} | changes),
    )
    return results, failures, sum(progress)


def tries(folder: Path, task: str) -> list[str]:
    return [path.name for path in folder.glob(f"{task}.*")]


def test_every_task_is_done_once_in_processes_that_do_not_grow_old(tmp_path):
    tasks = [f"task{k}" for k in range(7)]
    results, failures, progress = run(tmp_path, tasks, tasks_per_process=2)
    assert results == {task: task.upper() for task in tasks} and failures == []
    assert progress == 14
    owners = [name.rpartition(".")[2] for name in (p.name for p in tmp_path.iterdir())]
    assert len(owners) == 7
    assert max(owners.count(pid) for pid in owners) <= 2
    assert str(os.getpid()) not in owners


def test_what_fails_is_tried_again_in_another_process_and_then_named(tmp_path):
    tasks = ["fine", "crash-once", "raise-once", "raise-always", "crash-always", "hopeless"]
    results, failures, progress = run(tmp_path, tasks)
    assert set(results) == {"fine", "crash-once", "raise-once"}
    reasons = {failure.task: failure.reason for failure in failures}
    assert set(reasons) == {"raise-always", "crash-always", "hopeless"}
    assert reasons["raise-always"].startswith("RuntimeError: a lasting fault (worker_studios.py:")
    assert "exit status 7" in reasons["crash-always"]
    assert reasons["hopeless"] == "the input is at fault"
    for task, count in (
        ("crash-once", 2),
        ("raise-always", 2),
        ("crash-always", 2),
        ("hopeless", 1),
    ):
        assert len(tries(tmp_path, task)) == count, task
    assert len(set(tries(tmp_path, "raise-once"))) == 2
    assert progress == 2 * 3  # what failed attempts had reported is taken back


def test_a_studio_that_cannot_open_stops_everything_with_its_reason(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        run(tmp_path / "nowhere", ["task1", "task2"])


@pytest.fixture
def as_in_a_shell():
    """Ctrl-C interrupts; runners that share tests among processes have it ignored there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_at_once_and_leaves_no_process(tmp_path, number, as_in_a_shell):
    def interrupt():
        while not (tries(tmp_path, "sleep1") and tries(tmp_path, "sleep2")):
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, ["sleep1", "sleep2", "task"])
    thread.join()
    assert not tries(tmp_path, "task")
    for name in tries(tmp_path, "sleep1") + tries(tmp_path, "sleep2"):
        assert not Path(f"/proc/{name.rpartition('.')[2]}").exists()
