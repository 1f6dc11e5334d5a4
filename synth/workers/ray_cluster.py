"""A pool of Ray actors, on this machine or on a cluster whose nodes share the disk and the program.

An actor holds what `open_worker` gave and takes one task after another; what it has reported of a
task comes with the task's result. Ray itself would start a dead actor again; that is left to
`work_through`, which knows how often a task may be tried.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from dataclasses import dataclass, field
from typing import Any

from mocap.errors import BadInput
from synth.workers.pool import Message, OpenWorker, WorkerPool, run_task

_OBJECT_STORE = 100 * 2**20  # bytes; results are a few numbers
_ANSWER = 10.0  # seconds for a cluster to answer
_CLOSING = 20.0  # seconds for an actor to close


def import_ray() -> Any:
    """Import and return `ray`. Raises BadInput that says what to install when it cannot."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise BadInput(
            f"--ray: Ray cannot be imported ({error}); pip install 'surrealpp[cluster]'"
        ) from None
    return ray


class _Actor:
    """What runs in a Ray worker process."""

    def __init__(
        self, open_worker: OpenWorker, settings: Any, not_retried: tuple[type[Exception], ...]
    ):
        self._arguments = open_worker, settings, not_retried
        self._open = contextlib.ExitStack()
        self._work: Any = None

    def address(self) -> str:
        return f"{socket.gethostname()}:{os.getpid()}"

    def run(self, task: Any) -> tuple[int, Message]:
        """The sum of what the work reported, and what came of it."""
        open_worker, settings, not_retried = self._arguments
        if self._work is None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                self._work = self._open.enter_context(open_worker(settings))
            except BadInput as error:
                return 0, Message("refused", str(error))
        amounts: list[int] = []
        message = run_task(self._work, task, amounts.append, not_retried)
        return sum(amounts), message

    def close(self) -> None:
        self._open.close()


@dataclass(eq=False)
class _RayWorker:
    actor: Any
    address: Any
    task: Any = field(default=None)
    name: str = "a worker that never started"


class RayCluster:
    """A Ray cluster, to connect to by entering it.

    `address` is "auto" (RAY_ADDRESS, or the one on this machine), "host:port", "ray://host:port", or
    "local" for a Ray of `workers` processes of its own. `gpus` are what an actor asks of its node,
    beside a core. Raises BadInput without Ray, and on entering where no cluster answers.
    """

    def __init__(self, address: str, *, workers: int | None = None, gpus: float = 0):
        self._ray = import_ray()
        self._address, self._workers, self._gpus = address, workers, gpus
        self._ours = False

    def __enter__(self) -> RayCluster:
        if self._ray.is_initialized():
            return self
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
        if self._address == "local":
            quiet |= {"num_cpus": self._workers or os.cpu_count(), "include_dashboard": False}
            quiet |= {"object_store_memory": _OBJECT_STORE}
        try:
            _knock(self._address)
            self._ray.init(self._address, **quiet)
        except (OSError, RuntimeError, ValueError) as error:
            line = " ".join(str(error).split())
            raise BadInput(
                f"--ray {self._address}: no cluster answers there ({line}); expected local, auto or the "
                "address of one that `ray start` has started"
            ) from error
        self._ours = True
        return self

    def __exit__(self, *error: object) -> None:
        if self._ours:
            self._ray.shutdown()

    @property
    def size(self) -> int:
        """How many actors it has room for at once."""
        resources = self._ray.cluster_resources()
        cores = resources.get("CPU", 0)
        if not self._gpus:
            return max(1, int(cores))
        return max(1, int(min(cores, resources.get("GPU", 0) / self._gpus)))

    def threads(self, workers: int) -> int:
        """For each of `workers` workers: the core that its actor asked for."""
        return 1

    def pool(
        self, open_worker: OpenWorker, settings: Any, *, not_retried: tuple[type[Exception], ...]
    ) -> WorkerPool[Any]:
        """A pool of its actors (see `RayPool`)."""
        return RayPool(self._ray, open_worker, settings, gpus=self._gpus, not_retried=not_retried)


class RayPool:
    """Actors, each of which enters `open_worker(settings)` once.

    Both must be importable and picklable on every node. What `not_retried` lists is not tried again.
    """

    def __init__(
        self,
        ray: Any,
        open_worker: OpenWorker,
        settings: Any,
        *,
        gpus: float = 0,
        not_retried: tuple[type[Exception], ...] = (BadInput,),
    ):
        self._ray = ray
        self._workers: list[_RayWorker] = []
        # Actors have as many threads of numpy and torch as processes of our own would have.
        threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS",) if name in os.environ}
        self._class = ray.remote(_Actor).options(
            num_cpus=1,
            num_gpus=gpus,
            max_restarts=0,
            max_task_retries=0,
            runtime_env={"env_vars": threads} if threads else None,
        )
        self._arguments = [ray.put(value) for value in (open_worker, settings, not_retried)]

    def __enter__(self) -> WorkerPool[Any]:
        """A pool of its actors (see `RayPool`)."""
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            with contextlib.suppress(Exception):
                self._ray.kill(worker.actor)
        self._workers.clear()

    def start_worker(self) -> _RayWorker:
        actor = self._class.remote(*self._arguments)
        worker = _RayWorker(actor, actor.address.remote())
        self._workers.append(worker)
        return worker

    def worker_name(self, worker: _RayWorker) -> str:
        return worker.name

    def submit(self, worker: _RayWorker, task: Any) -> None:
        worker.task = worker.actor.run.remote(task)

    def receive(self, timeout: float | None = None) -> list[tuple[_RayWorker, Message]]:
        ray = self._ray
        by_task = {worker.task: worker for worker in self._workers if worker.task is not None}
        ready, _ = ray.wait(list(by_task), num_returns=1, timeout=timeout)
        messages: list[tuple[_RayWorker, Message]] = []
        for reference in ready:
            worker = by_task[reference]
            worker.task = None
            try:
                worker.name = ray.get(worker.address)
                reported, message = ray.get(reference)
            except ray.exceptions.RayActorError as error:
                self._workers.remove(worker)
                messages.append((worker, Message("died", _why_it_ended(error))))
                continue
            except ray.exceptions.RayError as error:
                messages.append((worker, Message("broken", str(error))))
                continue
            messages += [(worker, Message("progress", reported)), (worker, message)]
        return messages

    def has_started(self, worker: _RayWorker) -> bool:
        ready, _ = self._ray.wait([worker.address], timeout=0)
        return bool(ready)

    def kill_worker(self, worker: _RayWorker) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            worker.name = self._ray.get(worker.address, timeout=_ANSWER)
        self._ray.kill(worker.actor)
        self._workers.remove(worker)

    def stop_worker(self, worker: _RayWorker) -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(worker.actor.close.remote(), timeout=_CLOSING)
        self._ray.kill(worker.actor)
        self._workers.remove(worker)


def _knock(address: str) -> None:
    """Raises OSError where nobody answers at "host:port": Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER).close()


def _why_it_ended(error: Exception) -> str:
    """One line of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines()]
    detail = next(
        (line for line in lines if "exit type" in line or "exit detail" in line), lines[0]
    )
    return f"its actor ended unexpectedly ({detail[:300]})"
