"""What the doctor says of the networks that photographs are fitted with."""

from __future__ import annotations

import configparser
import importlib.metadata
import importlib.util
import re
from pathlib import Path

import pytest

from synth.doctor import diagnosis
from tests.synth.cli.running import run
from textures.evidence import blazepose

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def said(monkeypatch, tmp_path):
    """The line about photographs where only the packages named are installed."""

    def say(*installed: str) -> diagnosis.Finding:
        package = tmp_path / "mediapipe" / "modules" / "pose_landmark"
        package.mkdir(parents=True, exist_ok=True)
        (package / "pose_landmark_full.tflite").write_bytes(b"")
        (tmp_path / "mediapipe" / "__init__.py").write_text("")
        real = importlib.util.find_spec

        def find_spec(name: str):
            if name not in ("mediapipe", "ai_edge_litert"):
                return real(name)
            if name not in installed:
                return None
            return importlib.util.spec_from_file_location(name, tmp_path / "mediapipe/__init__.py")

        monkeypatch.setattr(importlib.util, "find_spec", find_spec)
        return diagnosis._photographs()

    return say


def test_with_both_packages_the_heavy_network_is_offered(said):
    finding = said("mediapipe", "ai_edge_litert")
    assert finding.good and "fitted with BlazePose full" in finding.text
    assert "synth fetch-networks" in finding.text
    assert blazepose.installed_blazepose() is not None


def test_without_the_wheel_both_networks_are_offered(said):
    finding = said("ai_edge_litert")
    assert not finding.good and not finding.required and "our own network alone" in finding.text
    assert "pip install --no-deps mediapipe==0.10.21" in finding.text
    assert "pip install ai-edge-litert" not in finding.text


def test_without_the_runtime_it_comes_first(said):
    for installed in ((), ("mediapipe",)):
        finding = said(*installed)
        assert not finding.good and "pip install ai-edge-litert, and pip install" in finding.text


def test_bodies_are_built_beforehand(monkeypatch):
    from mocap.bodies import free_body

    built = []
    monkeypatch.setattr(free_body, "load_free_body", lambda *, gender: built.append(gender))
    done = run("doctor", "--prepare")
    assert built == ["neutral", "female", "male"] and "free body" in done.output


def test_what_only_some_commands_need_is_named_with_them_and_asked_of_nobody(monkeypatch):
    real = importlib.metadata.version

    def version(package: str) -> str:
        if package in ("decord", "smplx", "torch"):
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(importlib.metadata, "version", version)
    optional = diagnosis._optional_packages()
    assert not optional.required and not optional.good
    assert "decord (a second decoder of videos; PyAV reads everything)" in optional.text
    assert "smplx (synth body --compare" in optional.text
    required = diagnosis._packages()
    assert required.required and not required.good and "missing torch;" in required.text


@pytest.mark.parametrize(
    ("python", "words"),
    [((3, 11, 7), "pip install 'surrealpp[blender]'"), ((3, 13, 0), "Python 3.11 alone")],
)
def test_without_blender_films_are_made_by_the_other_engine(python, words, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "bpy" else real(name)
    )
    monkeypatch.setattr("sys.version_info", python)
    finding = diagnosis._blender()
    assert not finding.required and words in finding.text and "--engine raster" in finding.text
    assert diagnosis._python().good


def test_packages_that_are_asked_for_are_those_of_setup_cfg():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    lines = settings["options"]["install_requires"].split()
    assert {re.split("[<>=]", line)[0] for line in lines} == set(diagnosis.PACKAGES)
