"""What needs Blender, decord or smplx is skipped where they are not, and nowhere else."""

from __future__ import annotations

import ast
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.conftest import pytest_runtest_setup
from tests.optional_packages import OPTIONAL, is_installed
from tests.test_house_rules import imported, locked

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent


@pytest.mark.skipif(
    f"numpy=={version('numpy')}" not in (ROOT / "requirements.lock").read_text().splitlines(),
    reason="this environment is not the lock's",
)
def test_in_the_locked_environment_none_of_them_is_lacking():
    assert set(OPTIONAL) <= set(locked())
    assert [package for package in OPTIONAL if not is_installed(package)] == []


def names_of_marks(path: Path) -> set[str]:
    """What a test file says that its tests need."""
    return {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "pytest.mark.needs"
        and isinstance(node.args[0], ast.Constant)
    }


def test_there_is_one_way_to_say_what_a_test_needs():
    """No test file skips by itself for one of them, and one that imports one is marked."""
    used = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        marks, text = names_of_marks(path), path.read_text()
        used |= marks
        assert marks <= set(OPTIONAL), path
        assert not any(f'importorskip("{name}' in text for name in OPTIONAL), path
        assert imported(path) & set(OPTIONAL) <= marks, path
    assert used == set(OPTIONAL)


class Item:
    """A collected test that needs smplx."""

    def iter_markers(self, name):
        return [pytest.mark.needs("smplx").mark] if name == "needs" else []


def test_a_marked_test_is_skipped_where_its_package_is_not_and_says_so(monkeypatch):
    monkeypatch.setattr("tests.optional_packages.is_installed", lambda name: name != "smplx")
    with pytest.raises(pytest.skip.Exception, match=r"needs smplx, the reference .*not installed"):
        pytest_runtest_setup(Item())
    monkeypatch.setattr("tests.optional_packages.is_installed", lambda name: True)
    pytest_runtest_setup(Item())


def test_an_unknown_need_is_an_error():
    with pytest.raises(ValueError, match="expected one of bpy, decord, smplx"):
        is_installed("numpy")
