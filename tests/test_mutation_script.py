"""The script that makes deliberate mistakes: what it catches, what survives, what it refuses to say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import mutations
from benchmarks.mutations import CAUGHT, SURVIVED, MutationError

SOURCE = "def double(x):\n    return 2 * x\n\n\ndef half(x):\n    return x / 2\n"
TEST = (
    "from numbers_of_ours import double\n\n\ndef test_double():\n    assert double(3) == 6\n"
    "\n\ndef test_wrong():\n    assert double(3) == 7\n"
)
ENTRY = """
[[mutation]]
name = "{name}"
file = "numbers_of_ours.py"
old = "{old}"
new = "{new}"
why = "numbers are wrong"
tests = ["{test}"]
"""
GOOD_TEST = "test_numbers.py::test_double"


@pytest.fixture
def repository(tmp_path) -> Path:
    """A git checkout of one module and its tests, with uncommitted files."""
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "numbers_of_ours.py").write_text(SOURCE)
    (folder / "test_numbers.py").write_text(TEST)
    return folder


def run(repository: Path, *entries: str, more: tuple[str, ...] = ()) -> None:
    tables = repository.parent / "tables"
    tables.mkdir(exist_ok=True)
    (tables / "table.toml").write_text("".join(entries))
    options = ["--tables", str(tables), "--remember", str(repository.parent / "memory.jsonl")]
    mutations.main([*options, *more], root=repository)


def entry(name: str, old: str = "2 * x", new: str = "3 * x", test: str = GOOD_TEST) -> str:
    return ENTRY.format(name=name, old=old, new=new, test=test)


def test_a_mistake_is_caught_one_without_effect_survives_and_both_are_remembered(
    repository, capsys, monkeypatch
):
    entries = entry("tripled"), entry("turned round", new="x * 2")
    before = {path.name: path.stat().st_mtime_ns for path in repository.glob("*.py")}
    run(repository, *entries)
    said = capsys.readouterr().out
    assert f"{CAUGHT:9}tripled " in said and f"{SURVIVED:9}turned round " in said
    assert "all: caught 1 of 2 (50 %)" in said
    assert "survived: turned round (numbers_of_ours.py): numbers are wrong" in said
    assert {path.name: path.stat().st_mtime_ns for path in repository.glob("*.py")} == before

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("what is remembered is not run again")

    with monkeypatch.context() as patch:
        patch.setattr(mutations, "run_tests", fail)
        run(repository, *entries)
        assert "2 of 2 are remembered" in capsys.readouterr().out
        run(repository, *entries, more=("--only", "tripled"))
        assert "all: caught 1 of 1 (100 %)" in capsys.readouterr().out
        (repository / "test_numbers.py").write_text(TEST + "\n")  # another digest
        with pytest.raises(AssertionError, match="not run again"):
            run(repository, *entries)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (entry("gone", old="4 * x"), "holds '4 \\* x' 0 times, expected once"),
        (entry("twice", old="return"), "holds 'return' 2 times, expected once"),
        (entry("one") + entry("one"), "more than one mutation called one"),
        (entry("torn").replace("why", "reason"), "missing required field `why`"),
    ],
)
def test_mutations_that_cannot_be_made_are_refused_before_anything_is_run(
    repository, monkeypatch, entries, words
):
    monkeypatch.setattr(mutations, "run_tests", None)
    with pytest.raises(SystemExit, match=words):
        run(repository, entries)


def test_tests_that_fail_without_a_mistake_or_are_not_there_catch_nothing(repository):
    with pytest.raises(SystemExit, match="fail on the code as it is"):
        run(repository, entry("tripled", test="test_numbers.py::test_wrong"))
    with pytest.raises(SystemExit, match="fail on the code as it is"):
        run(repository, entry("tripled", test="test_numbers.py::test_gone"))


def test_a_mistake_that_is_no_python_is_none(repository, tmp_path):
    mutation = mutations.Mutation("no code", "numbers_of_ours.py", "2 * x", "2 *", "", [GOOD_TEST])
    with pytest.raises(MutationError, match="is no Python then"):
        mutations.try_mutation(repository, mutation, tmp_path, None)
    assert (repository / "numbers_of_ours.py").read_text() == SOURCE
