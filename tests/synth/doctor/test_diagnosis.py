"""What the doctor says of the networks that photographs are fitted with."""

from __future__ import annotations

import importlib.util

import pytest

from synth.doctor import diagnosis
from tests.synth.cli.running import run
from textures.evidence import blazepose


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
