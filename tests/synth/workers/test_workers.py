"""Worker processes: everything is done once, what fails is tried twice and then named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth.workers.pool import Claim, TimeLimit, uninterrupted, work_through
from synth.workers.processes import ProcessPool
from tests.synth.worker_tasks import open_worker

ROOT = Path(__file__).resolve().parents[3]


def run(folder: Path, tasks: list[str], *, tasks_per_process: int = 10, **changes):
    """Results, failures, progress and every attempt."""
    attempts, progress = [], []
    outcome = work_through(
        tasks,
        ProcessPool(open_worker, str(folder)),
        tasks_per_process=tasks_per_process,
        progress=progress.append,
        on_attempt=attempts.append,
        **({"workers": 2} | changes),
    )
    results = {a.task: a.result for a in attempts if a.reason is None}
    assert outcome.unstarted == len(tasks) - len(results) - len(outcome.failures)
    return results, list(outcome.failures), sum(progress), attempts


def tries(folder: Path, task: str) -> list[str]:
    return [path.name for path in folder.glob(f"{task}.*")]


def test_every_task_is_done_once_in_processes_that_do_not_grow_old(tmp_path):
    tasks = [f"task{k}" for k in range(7)]
    results, failures, progress, attempts = run(tmp_path, tasks, tasks_per_process=2)
    assert results == {task: task.upper() for task in tasks} and failures == []
    assert progress == 14
    owners = [name.rpartition(".")[2] for name in (p.name for p in tmp_path.iterdir())]
    assert len(owners) == 7
    assert max(owners.count(pid) for pid in owners) <= 2
    assert str(os.getpid()) not in owners
    assert {attempt.worker.rpartition(":")[2] for attempt in attempts} == set(owners)
    assert {attempt.number for attempt in attempts} == {1}


def test_what_fails_is_tried_again_in_another_process_and_then_named(tmp_path):
    tasks = ["fine", "crash-once", "raise-once", "raise-always", "crash-always", "hopeless"]
    results, failures, progress, attempts = run(tmp_path, tasks)
    assert set(results) == {"fine", "crash-once", "raise-once"}
    reasons = {failure.task: failure.reason for failure in failures}
    assert set(reasons) == {"raise-always", "crash-always", "hopeless"}
    assert reasons["raise-always"].startswith("RuntimeError: a lasting fault (worker_tasks.py:")
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
    told = [(a.task, a.number, a.reason is None) for a in attempts]
    assert sorted(told) == sorted(
        [("fine", 1, True), ("hopeless", 1, False)]
        + [(f"{fault}-once", n, n == 2) for fault in ("crash", "raise") for n in (1, 2)]
        + [(f"{fault}-always", n, False) for fault in ("crash", "raise") for n in (1, 2)]
    )


def test_a_crash_is_named_with_the_place_in_our_code(tmp_path):
    *_, attempts = run(tmp_path, ["crash-once"])
    assert attempts[0].reason.startswith(
        "its process was ended by SIGSEGV in work (worker_tasks.py:"
    )


def test_what_blender_only_says_on_stderr_is_the_reason_of_the_failure(tmp_path):
    _, failures, *_ = run(tmp_path, ["complain-of-memory"])
    assert failures[0].reason.startswith("BlenderError: Error: Out of memory in the device (")


def test_a_task_that_says_that_none_can_go_on_stops_all(tmp_path):
    with pytest.raises(BadInput, match=r"^no room anywhere$"):
        run(tmp_path, ["fine", "stop", *(f"task{k}" for k in range(50))], workers=1)
    assert len(list(tmp_path.iterdir())) == 2


def test_from_the_deadline_on_nothing_is_begun_and_what_was_begun_is_finished(tmp_path):
    tasks = ["until-the-deadline", *(f"task{k}" for k in range(20))]
    deadline = time.monotonic() + 3
    (tmp_path / "deadline").write_text(str(deadline))
    results, failures, *_ = run(tmp_path, tasks, workers=1, deadline=deadline)
    assert list(results) == ["until-the-deadline"] and failures == []
    results, *_ = run(tmp_path, tasks, deadline=time.monotonic() - 1)
    assert results == {}


def test_workers_end_with_the_process_that_started_them_even_while_at_work(tmp_path):
    code = (
        "import sys\n"
        "from synth.workers.processes import ProcessPool\n"
        "from synth.workers.pool import work_through\n"
        "from tests.synth.worker_tasks import open_worker\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPool(open_worker, sys.argv[1])\n"
        "    work_through(['deaf1', 'deaf2'], pool, workers=2, tasks_per_process=9)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    while not (tries(tmp_path, "deaf1") and tries(tmp_path, "deaf2")):
        assert parent.poll() is None
        time.sleep(0.05)
    workers = [name.rpartition(".")[2] for name in tries(tmp_path, "deaf*")]
    parent.kill()
    parent.wait()
    give_up = time.monotonic() + 20
    while any(alive(worker) for worker in workers):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_file_operations_that_belong_together_are_not_torn_by_sigterm_to_any_thread():
    done = []

    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    idle = threading.Event()
    other = threading.Thread(target=idle.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.pthread_kill(other.ident, signal.SIGTERM)
            time.sleep(0.2)
            done.append("all of it")
        assert done == ["all of it"]
        assert signal.getsignal(signal.SIGTERM) is stop
    finally:
        signal.signal(signal.SIGTERM, before)
        idle.set()
        other.join()


def alive(process: str) -> bool:
    """Whether it runs; one that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_cannot_be_opened_stops_everything_with_its_reason(tmp_path):
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


def test_a_task_beyond_its_limit_is_ended_named_and_not_tried_again(tmp_path):
    limit = TimeLimit(lambda task: 2.0 if task.startswith("hang") else 60.0, "give more")
    results, failures, progress, attempts = run(
        tmp_path, ["hang", "one", "two", "three"], limit=limit
    )
    assert set(results) == {"one", "two", "three"}
    (failure,) = failures
    assert (failure.task, failure.reason) == (
        "hang",
        "took longer than 2 s, its limit, and was ended; give more",
    )
    (name,) = tries(tmp_path, "hang")
    with pytest.raises(ProcessLookupError):
        os.kill(int(name.rpartition(".")[2]), 0)
    assert progress == 6
    assert [a.number for a in attempts if a.task == "hang"] == [1]


class ClaimsOfAnother:
    """Claims of which another run is at some tasks, and what becomes of them, look by look."""

    def __init__(self, **answers):
        self.answers = {task: list(claims) for task, claims in answers.items()}
        self.ours, self.released = [], []

    def claim(self, task):
        claims = self.answers.get(task)
        claim = claims.pop(0) if claims else Claim.OURS
        if claim is Claim.OURS:
            self.ours.append(task)
        return claim

    def release(self, task):
        self.released.append(task)


def test_tasks_are_shared_with_another_run_and_taken_over_from_a_dead_one(tmp_path):
    claims = ClaimsOfAnother(
        a=[Claim.BUSY, Claim.BUSY, Claim.COMPLETED], b=[Claim.BUSY], c=[Claim.COMPLETED]
    )
    outcome = work_through(
        ["a", "b", "c", "d", "raise-always"],
        ProcessPool(open_worker, str(tmp_path)),
        workers=2,
        tasks_per_process=10,
        claims=claims,
    )
    assert (outcome.elsewhere, outcome.unstarted) == (2, 0)
    assert [failure.task for failure in outcome.failures] == ["raise-always"]
    made = {path.name.partition(".")[0] for path in tmp_path.iterdir()}
    assert made == {"b", "d", "raise-always"}
    assert sorted(claims.ours) == sorted(claims.released) == ["b", "d"] + ["raise-always"] * 2


def test_what_another_run_is_at_is_not_waited_for_beyond_the_deadline(tmp_path):
    claims = ClaimsOfAnother(a=[Claim.BUSY] * 100)
    outcome = work_through(
        ["a", "b"],
        ProcessPool(open_worker, str(tmp_path)),
        workers=1,
        tasks_per_process=10,
        claims=claims,
        deadline=time.monotonic() + 3,
    )
    assert (outcome.elsewhere, outcome.unstarted, outcome.failures) == (0, 1, ())
