"""No spoiled file, of any kind that the commands read, ends in a traceback."""

from __future__ import annotations

import pytest

from mocap.files import cache_folder
from tests.synth.file_mutations import Target, faults, make_targets

NAMES = (
    *("clips.jsonl", "plan.jsonl", "table.json", "textures.jsonl", "card", "weights", "ledger"),
    *(
        "packed",
        "checksums.jsonl",
        "check.json",
        "conventions.json",
        "info.mat",
        "preset",
        "motion memory",
        "verdicts",
    ),
)
SLOW = {"info.mat": 12, "textures.jsonl": 12, "clips.jsonl": 15}


@pytest.fixture(scope="module")
def targets(body, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mutations")
    (folder / "cache").mkdir()
    for path in cache_folder().glob("free_body*.npz"):
        (folder / "cache" / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SURREALPP_CACHE", str(folder / "cache"))
        yield make_targets(folder, body)


def test_every_kind_of_file_is_spoiled(targets):
    assert sorted(targets) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_spoiled_file_is_an_answer_or_one_line(targets, name):
    assert faults(targets[name], SLOW.get(name, 40), seed=3) == []


def test_a_fault_is_counted(tmp_path):
    """The harness itself: a reader that fails is seen, and one that refuses in two lines as well."""
    path = tmp_path / "x.json"
    path.write_text('{"x": 1}')

    def read():
        raise KeyError("x")

    assert len(faults(Target(path, lambda rng, data: b"{}", read), 5, 0)) == 5
    assert path.read_text() == '{"x": 1}'
