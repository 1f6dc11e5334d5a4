"""Whether the tests catch deliberate mistakes: a hundred small ones, each in a copy of the code.

    python benchmarks/mutations.py [--only TEXT] [--workers 2] [--sound] [--remember FILE]

The tables (`benchmarks/mutation_tables/*.toml`) say for each mistake in which file which text becomes
which, why that would matter, and which tests should notice. The checkout is never touched: each worker
copies what git lists, makes one mistake at a time there, and runs the tests named for it. First those
tests must pass on the code as it is (`--sound`: they did just now). Results are remembered by the bytes
of the changed file and of the tests, so that a second run repeats only what has changed since.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from tqdm import tqdm

from mocap.files import cache_folder

ROOT = Path(__file__).resolve().parents[1]
TABLES = Path(__file__).with_name("mutation_tables")
REMEMBERED = ROOT / "runs" / "mutations.jsonl"
TIME_LIMIT = 600.0  # seconds; tests that no longer end have noticed, too
CAUGHT, SURVIVED = "caught", "survived"
_ALL_PASSED, _SOME_FAILED = 0, 1  # pytest's exit codes; others say that nothing was tested


class MutationError(Exception):
    """A mistake that cannot be made, or tests that cannot say anything of it."""


@dataclass(frozen=True)
class Mutation:
    """A deliberate mistake.

    Attributes:
        name: one of its kind, in a few words.
        file: relative to the repository.
        old: text that occurs exactly once in the file.
        new: what it becomes.
        why: what a user would meet.
        tests: paths or ids of pytest's, relative to the repository, that should fail.
    """

    name: str
    file: str
    old: str
    new: str
    why: str
    tests: list[str]


@dataclass(frozen=True)
class Outcome:
    """What came of a mistake: "caught" or "survived", how long it took, and by what it is remembered."""

    name: str
    digest: str
    outcome: str
    seconds: float


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    mutation: list[Mutation]


def read_tables(folder: Path) -> list[Mutation]:
    """The mistakes of all tables (.toml) of a folder.

    Raises:
        MutationError: a table that is none, or two mistakes of one name.
    """
    mutations: list[Mutation] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            mutations += msgspec.toml.decode(path.read_bytes(), type=_Table).mutation
        except msgspec.MsgspecError as error:
            raise MutationError(f"{path}: {error}") from error
    counts = Counter(mutation.name for mutation in mutations)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise MutationError(f"{folder}: more than one mutation called {', '.join(twice)}")
    if not mutations:
        raise MutationError(f"{folder}: no tables with mutations")
    return mutations


def mutated_text(root: Path, mutation: Mutation) -> str:
    """The text of the mutation's file with the mistake in it.

    Raises:
        MutationError: where the old text is missing, is there more than once, or would stay as it is.
    """
    text = (root / mutation.file).read_text(encoding="utf-8")
    count = text.count(mutation.old)
    if count != 1:
        raise MutationError(
            f"{mutation.name}: {mutation.file} holds {mutation.old!r} {count} times, expected once; "
            "bring the table up to date"
        )
    return text.replace(mutation.old, mutation.new)


def digest_of(root: Path, mutation: Mutation) -> str:
    """Hex digest of the changed file, of the files of the tests and of their names."""
    digest = hashlib.sha256(mutated_text(root, mutation).encode())
    for test in mutation.tests:
        path = root / test.partition("::")[0]
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        digest.update(f"\0{mutation.file}\0{test}\0".encode())
        for file in files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def copy_of(root: Path, folder: Path) -> Path:
    """A copy of a checkout: the files that git does not ignore, and what is compiled of them.

    Files keep their times, by which what is compiled knows them.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():  # one that was removed is listed, too
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)
    for path in root.glob("*/**/__pycache__"):
        if (folder / path.relative_to(root)).parent.is_dir():
            temporary = shutil.ignore_patterns("*.pyc.*", "tmp*")  # of who compiles just now
            target = folder / path.relative_to(root)
            shutil.copytree(path, target, ignore=temporary, dirs_exist_ok=True)
    return folder


def pytest_arguments(tests: Sequence[str]) -> list[str]:
    """What pytest is called with: to the first failure, and nothing is written beside the tests."""
    return ["-x", "-q", "-p", "no:cacheprovider", *tests]


def environment_of(folder: Path, cache: Path) -> dict[str, str]:
    """What the tests of a copy see besides this process's environment; bodies are built in `cache`."""
    return {"PYTHONPATH": str(folder), "SURREALPP_CACHE": str(cache), "OMP_NUM_THREADS": "1"}


def run_tests(
    folder: Path,
    tests: Sequence[str],
    environment: dict[str, str],
    limit: float | None = TIME_LIMIT,
) -> tuple[int, str]:
    """Exit code and last lines of pytest in a copy; 1 where it takes more than `limit` seconds."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *pytest_arguments(tests)],
            cwd=folder,
            env=os.environ | environment,
            capture_output=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return _SOME_FAILED, f"no end after {limit:g} s"
    return done.returncode, _last_lines(done.stdout + done.stderr)


class Starter:
    """Runs tests in forks of one process that has the libraries imported: most of a short test's time."""

    def __init__(self, folder: Path) -> None:
        self._output = folder / f"output_{uuid.uuid4().hex[:8]}"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("pytest_starter.py"))],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run_tests(
        self, folder: Path, tests: Sequence[str], environment: dict[str, str]
    ) -> tuple[int, str]:
        """As the function does."""
        assert self._process.stdin is not None and self._process.stdout is not None
        request = {"folder": str(folder), "environment": environment, "limit": int(TIME_LIMIT)}
        request |= {"arguments": pytest_arguments(tests), "output": str(self._output)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        code = self._process.stdout.readline()
        if not code:
            raise MutationError("the process that starts tests has ended")
        return int(code), _last_lines(self._output.read_bytes())

    def close(self) -> None:
        """End the process, which is idle."""
        self._process.communicate()


def _last_lines(output: bytes) -> str:
    return "\n".join(output.decode(errors="replace").strip().splitlines()[-15:])


def check_original(folder: Path, tests: Sequence[str], cache: Path) -> None:
    """See that the tests pass on the code as it is; what they build and compile stays for the others.

    Raises:
        MutationError: where they do not.
    """
    code, words = run_tests(folder, tests, environment_of(folder, cache), None)
    if code != _ALL_PASSED:
        raise MutationError(f"the tests fail on the code as it is (exit code {code}):\n{words}")


def try_mutation(folder: Path, mutation: Mutation, cache: Path, starter: Starter) -> str:
    """Make a mistake in a copy, run its tests, undo it: "caught" or "survived".

    Raises:
        MutationError: where the tests could not be run, or the file is no Python any more.
    """
    path = folder / mutation.file
    changed = mutated_text(folder, mutation)
    try:
        compile(changed, mutation.file, "exec")
    except SyntaxError as error:
        raise MutationError(
            f"{mutation.name}: {mutation.file} is no Python then: {error}"
        ) from error
    with tempfile.TemporaryDirectory(prefix="mutation-", dir=folder.parent) as name:
        scratch = Path(name)
        shutil.copytree(cache, scratch / "cache")
        shutil.copy2(path, scratch / "original")
        environment = environment_of(folder, scratch / "cache")
        # What is compiled of a changed file must serve no other run.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        run = starter.run_tests
        if "numba" in changed:
            environment["NUMBA_CACHE_DIR"] = str(scratch / "compiled")
            run = run_tests  # numba reads that once, when it is imported
        try:
            path.write_text(changed, encoding="utf-8")
            code, words = run(folder, mutation.tests, environment)
        finally:
            shutil.copy2(scratch / "original", path)  # with its time, which what is compiled bears
    if code < 0:  # ended by a signal: it crashed, or did not end in time
        code = _SOME_FAILED
    if code not in (_ALL_PASSED, _SOME_FAILED):
        raise MutationError(f"{mutation.name}: pytest ended with exit code {code}:\n{words}")
    return CAUGHT if code == _SOME_FAILED else SURVIVED


def remembered_outcomes(path: Path) -> dict[str, Outcome]:
    """Earlier outcomes by digest; lines that a kill tore are passed over."""
    outcomes = {}
    for line in path.read_bytes().splitlines() if path.is_file() else []:
        try:
            outcome = msgspec.json.decode(line, type=Outcome)
        except msgspec.MsgspecError:
            continue
        outcomes[outcome.digest] = outcome
    return outcomes


def run_mutations(
    root: Path,
    mutations: Sequence[Mutation],
    remember: Path,
    workers: int = 2,
    *,
    is_sound: bool = False,
) -> list[Outcome]:
    """What comes of each mistake, in their order.

    Args:
        root: A git checkout, which is only read.
        mutations: All that are to be tried.
        remember: A file (.jsonl) of outcomes, read first and appended to.
        workers: How many are tried at a time.
        is_sound: Whether the tests are known to pass on the code as it is, and need not be run on it.

    Raises:
        MutationError: where one cannot be made or tested.
    """
    digests = {mutation.name: digest_of(root, mutation) for mutation in mutations}
    outcomes = remembered_outcomes(remember)
    new = [mutation for mutation in mutations if digests[mutation.name] not in outcomes]
    if len(new) < len(mutations):
        print(f"{len(mutations) - len(new)} of {len(mutations)} are remembered in {remember}")
    remember.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        cache = Path(name) / "cache"
        cache.mkdir()
        for path in cache_folder().glob("free_body-*.npz"):  # minutes to build
            shutil.copy2(path, cache)
        if new:
            original = copy_of(root, Path(name) / "original")
            tests = sorted({test for mutation in new for test in mutation.tests})
            if not is_sound:
                print(f"running {len(tests)} tests on the code as it is", flush=True)
                check_original(original, tests, cache)
        copies: queue.Queue[tuple[Path, Starter]] = queue.Queue()
        starters = [Starter(Path(name)) for _ in range(min(workers, len(new)))]
        for number, starter in enumerate(starters):
            copies.put((shutil.copytree(original, Path(name) / f"copy_{number}"), starter))

        def outcome_of(mutation: Mutation) -> Outcome:
            start, (folder, starter) = time.monotonic(), copies.get()
            try:
                words = try_mutation(folder, mutation, cache, starter)
            finally:
                copies.put((folder, starter))
            seconds = round(time.monotonic() - start, 1)
            return Outcome(mutation.name, digests[mutation.name], words, seconds)

        with ThreadPoolExecutor(workers) as pool, remember.open("ab") as file:
            jobs = [pool.submit(outcome_of, mutation) for mutation in new]
            try:
                for job in tqdm(as_completed(jobs), total=len(jobs), unit="mutation"):
                    outcome = job.result()
                    outcomes[outcome.digest] = outcome
                    file.write(msgspec.json.encode(asdict(outcome)) + b"\n")
                    file.flush()
            finally:
                pool.shutdown(cancel_futures=True)
                for starter in starters:
                    starter.close()
    return [outcomes[digests[mutation.name]] for mutation in mutations]


def table_of(mutations: Sequence[Mutation], outcomes: Sequence[Outcome]) -> str:
    """A line for each mistake, and the share that was caught for each package and in all."""
    width = max(len(mutation.name) for mutation in mutations)
    lines = [
        f"{outcome.outcome:9}{mutation.name:{width}}  {mutation.file}"
        for mutation, outcome in zip(mutations, outcomes, strict=True)
    ]
    packages = [mutation.file.split("/")[0] for mutation in mutations]
    for package in (*sorted(set(packages)), ""):
        chosen = [
            outcome.outcome == CAUGHT
            for outcome, home in zip(outcomes, packages, strict=True)
            if package in ("", home)
        ]
        share = 100 * sum(chosen) / len(chosen)
        lines.append(f"{package or 'all'}: caught {sum(chosen)} of {len(chosen)} ({share:.0f} %)")
    for mutation, outcome in zip(mutations, outcomes, strict=True):
        if outcome.outcome == SURVIVED:
            lines.append(f"survived: {mutation.name} ({mutation.file}): {mutation.why}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None, *, root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="part of a name or of a file")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tables", type=Path, default=TABLES, metavar="FOLDER")
    parser.add_argument("--remember", type=Path, default=REMEMBERED, metavar="FILE")
    parser.add_argument("--sound", action="store_true", help="all tests passed just now: skip that")
    options = parser.parse_args(arguments)
    try:
        mutations = [
            mutation
            for mutation in read_tables(options.tables)
            if options.only in mutation.name or options.only in mutation.file
        ]
        if not mutations:
            raise MutationError(f"no mutation and no file holds '{options.only}' in its name")
        outcomes = run_mutations(
            *(root, mutations, options.remember, max(1, options.workers)), is_sound=options.sound
        )
    except MutationError as error:
        sys.exit(f"mutations: {error}")
    print(table_of(mutations, outcomes))


if __name__ == "__main__":
    main()
