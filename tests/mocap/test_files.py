"""Files that appear whole: what is beside the final name while one is written, and after it failed."""

from __future__ import annotations

import pytest

from mocap.files import atomic_write


class _Interrupted(Exception):
    pass


def test_the_final_name_keeps_its_content_until_the_new_one_is_whole(tmp_path):
    target = tmp_path / "folder" / "table.json"
    with atomic_write(target) as temporary:
        temporary.write_text("old")
        assert not target.exists()
    with atomic_write(target) as temporary:
        assert temporary.parent == target.parent and temporary.suffix == ".json"
        assert temporary.name.startswith(".") and temporary != target
        temporary.write_text("half of the n")
        assert target.read_text() == "old"
        temporary.write_text("new")
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["table.json"]


@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_a_writer_that_fails_leaves_what_was_there_and_nothing_else(tmp_path, kind):
    target = tmp_path / "table.json"
    target.write_text("old")
    with pytest.raises(_Interrupted), atomic_write(target) as temporary:
        if kind == "file":
            temporary.write_text("half")
        elif kind == "folder":
            temporary.mkdir()
            (temporary / "piece").write_text("half")
        raise _Interrupted
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.json"]
