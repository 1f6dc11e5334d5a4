"""Rules of the house that no single package can hold by itself."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = ("mocap", "textures", "synth", "action_recog")
MAY_IMPORT = {
    "mocap": {"mocap"},
    "textures": {"textures", "mocap"},
    "action_recog": {"action_recog"},
    "synth": set(OURS),
}
UNUSABLE = {"torchvision", "timm", "lpips", "chumpy"}


def sources() -> list[Path]:
    return [path for package in OURS for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    """Top-level names of everything a file imports, wherever in the file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_follow_the_arrows(path):
    names = imported(path)
    package = path.relative_to(ROOT).parts[0]
    assert names & set(OURS) <= MAY_IMPORT[package]
    assert not names & UNUSABLE
    assert "bpy" not in names or path == ROOT / "synth" / "scene" / "blender.py"
    assert "pickle" not in names or path == ROOT / "mocap" / "inert_pickle.py"


def test_importing_textures_and_action_recog_leaves_blender_out():
    code = (
        "import sys, pkgutil, importlib, textures, action_recog\n"
        "for package in (textures, action_recog):\n"
        "    for module in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'{package.__name__}.{module.name}')\n"
        "assert 'bpy' not in sys.modules and 'torchvision' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_lock_pins_torch_and_leaves_torchvision_out():
    assert locked()["torch"] == "2.13.0"
    assert not {name.lower() for name in locked()} & UNUSABLE
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.version("torchvision")


def test_every_requirement_of_setup_cfg_is_locked_in_its_range():
    text = (ROOT / "setup.cfg").read_text()
    block = re.search(r"install_requires =\n((?: {4}.*\n)+)", text).group(1)
    from packaging.requirements import Requirement

    pins = {name.lower().replace("_", "-"): version for name, version in locked().items()}
    for line in block.split():
        requirement = Requirement(line)
        assert requirement.specifier.contains(pins[requirement.name.lower()]), line
