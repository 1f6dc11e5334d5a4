"""Everything that packages read is in the wheel; `benchmarks/wheel_outside.py` uses one elsewhere."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from tests.test_house_rules import OURS, ROOT


def package_data() -> dict[str, list[str]]:
    """Patterns of setup.cfg, by package."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return {name: text.split() for name, text in settings["options.package_data"].items()}


def files_in_wheel() -> set[Path]:
    """Files besides modules that setup.cfg's patterns name."""
    return {
        path
        for package, patterns in package_data().items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }


@pytest.mark.parametrize("package", OURS)
def test_every_file_of_a_package_is_in_the_wheel(package):
    files = {
        path
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert files <= files_in_wheel()
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_each_pattern_names_something():
    for package, patterns in package_data().items():
        folder = ROOT.joinpath(*package.split("."))
        assert all(any(folder.glob(pattern)) for pattern in patterns), package
