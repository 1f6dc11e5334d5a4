"""Rules of the house that no single package can hold by itself."""

from __future__ import annotations

import ast
import graphlib
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
SHARED_MODULES = {
    "mocap": {"errors", "files", "motion", "quaternions", "rotations"},
    "textures": {"checkpoints", "library", "market1501", "methods", "metrics", "texture_method"},
    "action_recog": {"errors", "json_files"},
    "synth": set(),
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
    assert "pickle" not in names or path == ROOT / "mocap" / "parsing" / "safe_unpickler.py"


def room(module: str) -> str:
    """The folder that a module lies in, or the module itself where it lies at a package's top."""
    return ".".join(module.split(".")[:2])


def arrows_between_rooms() -> dict[str, set[str]]:
    """Which rooms each room imports."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources()
    }
    arrows: dict[str, set[str]] = {}
    for path in sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            targets = []
            if isinstance(node, ast.ImportFrom):
                assert not node.level, f"{module}: a relative import hides where it points"
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = [name if name in modules else node.module for name in members]
            elif isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            for target in targets:
                if target.split(".")[0] in OURS and room(target) != room(module):
                    arrows.setdefault(room(module), set()).add(room(target))
    return arrows


def test_no_arrow_between_rooms_runs_back_up():
    """Rooms can be put in an order in which each imports only those before it."""
    arrows = arrows_between_rooms()
    try:
        order = list(graphlib.TopologicalSorter(arrows).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")
    assert order


@pytest.mark.parametrize("package", OURS)
def test_nothing_is_loose_beside_the_rooms(package):
    """At the top of a package lies only what its rooms share."""
    loose = {path.stem for path in (ROOT / package).glob("*.py")} - {"__init__"}
    assert loose <= SHARED_MODULES[package]


def test_importing_textures_and_action_recog_leaves_blender_out():
    code = (
        "import sys, pkgutil, importlib, textures, action_recog\n"
        "for package in (textures, action_recog):\n"
        "    for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "        importlib.import_module(module.name)\n"
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


ALONE = "mediapipe"  # of which only a file is read: it comes without what it requires
NOT_ON_EVERY_MACHINE = (
    "nvidia-",
    "cuda-",
    "triton",
)  # what torch brings where it has its CUDA build


def test_the_lock_agrees_with_itself():
    """Whatever a locked package requires is locked, too, in a version that suits it."""
    from packaging.requirements import Requirement

    pins = {name.lower().replace("_", "-"): version for name, version in locked().items()}
    looked_at = 0
    for name, version in pins.items():
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if distribution.version.split("+")[0] != version or name == ALONE:
            continue
        looked_at += 1
        for line in distribution.requires or ():
            requirement = Requirement(line)
            needed = requirement.name.lower().replace("_", "-")
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            if needed.startswith(NOT_ON_EVERY_MACHINE):
                continue
            assert needed in pins, f"{name} requires {line}"
            assert requirement.specifier.contains(pins[needed]), f"{name} requires {line}"
    assert looked_at > len(pins) / 2


def test_the_environment_gets_all_of_the_lock_and_one_package_without_what_it_requires():
    makefile = (ROOT / "Makefile").read_text()
    assert f"grep -v '^{ALONE}==' requirements.lock" in makefile
    assert "--no-deps $(PIP_ARGS) -r requirements.lock" in makefile
    from synth.doctor.diagnosis import BLAZEPOSE_WHEEL

    assert f"{ALONE}=={locked()[ALONE]}" == BLAZEPOSE_WHEEL
    assert f"pip install --no-deps {BLAZEPOSE_WHEEL}" in (ROOT / "setup.cfg").read_text()
