"""What the Dockerfile names exists. No image is built here: that takes Docker and a network."""

from __future__ import annotations

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

from synth.scene.system_libraries import SYSTEM_LIBRARIES

ROOT = Path(__file__).resolve().parents[1]


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each on one line, and their arguments."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line.strip()]


def copied() -> list[str]:
    return [path for name, rest in instructions() if name == "COPY" for path in rest.split()[:-1]]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path, or a folder that it lies in, out of the build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    parts = Path(path).parts
    parents = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return any(
        fnmatch.fnmatch(
            Path(parent).name if pattern.startswith("**/") else parent, pattern.removeprefix("**/")
        )
        for pattern in patterns
        for parent in parents
    )


def test_what_is_copied_exists_and_is_not_ignored():
    assert len(copied()) >= 8
    assert [path for path in copied() if not (ROOT / path).exists() or ignored(path)] == []


def test_all_that_the_package_is_made_of_is_copied():
    """setup.cfg's packages and files, and what `make .venv/.installed` reads."""
    settings = (ROOT / "setup.cfg").read_text()
    packages = re.findall(r"^    (\w+)\n    \1\.\*$", settings, re.MULTILINE)
    assert len(packages) == 4
    needed = {*packages, "setup.cfg", "pyproject.toml", "Makefile", "requirements.lock"}
    needed |= set(re.findall(r"^license_files = (\S+)$", settings, re.MULTILINE))
    needed |= set(re.findall(r"^long_description = file: (\S+)$", settings, re.MULTILINE))
    assert needed <= set(copied())


def test_environments_and_outputs_are_ignored_and_sources_are_not():
    assert all(map(ignored, (".venv", ".git", "demo/films", "synth/cli/__pycache__", "build")))
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode:
        pytest.skip("not a clone of the repository")
    assert [path for path in tracked.stdout.splitlines() if ignored(path)] == []


def test_make_targets_and_their_variables_exist():
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    targets = set(re.findall(r"^([\w./-]+):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^(\w+) [?:]?=", makefile, re.MULTILINE))
    calls = re.findall(r"\bmake ([^;&]+?) ;;", " ".join(rest for _, rest in instructions()))
    assert len(calls) == 2
    for call in calls:
        for word in call.split():
            name, assigned, _ = word.partition("=")
            assert name in (variables if assigned else targets), word


def test_the_libraries_that_blender_links_to_are_installed():
    (line,) = [rest for name, rest in instructions() if name == "RUN" and "apt-get install" in rest]
    assert {"make", *SYSTEM_LIBRARIES.values()} <= set(line.split())


def test_python_is_the_one_of_the_makefile_and_the_command_is_synth():
    by_name = dict(instructions())
    assert by_name["FROM"].startswith("python:3.11")
    assert re.search(r"^PYTHON \?= python3\.11$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert (
        by_name["ENTRYPOINT"] == '["synth"]'
        and "ARG DEVICE=cpu" in (ROOT / "Dockerfile").read_text()
    )
