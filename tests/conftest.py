"""Fixtures that every package's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests import optional_packages

# How long an example takes says nothing where tests share cores; speed is measured in benchmarks/.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is marked to need what is not installed here."""
    for mark in item.iter_markers("needs"):
        for package in mark.args:
            if not optional_packages.is_installed(package):
                name = optional_packages.OPTIONAL[package]
                pytest.skip(f"needs {name}, which is not installed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real sample data, or a skip that says so."""
    if not SHARED.is_dir():
        pytest.skip(f"real sample data not present at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def body():
    """The free body (built once, then cached)."""
    from mocap.bodies.free_body import load_free_body

    return load_free_body()
