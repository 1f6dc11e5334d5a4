"""Packages that some tests need and not every environment has: extras of setup.cfg that the lock holds.

A test that needs one is marked `@pytest.mark.needs("bpy")`; `tests/conftest.py` skips it, saying so,
where the package is not installed.
"""

from __future__ import annotations

import importlib.util

OPTIONAL = {
    "bpy": "Blender (bpy)",
    "decord": "decord",
    "smplx": "smplx, the reference implementation",
}


def is_installed(package: str) -> bool:
    """Whether one of the optional packages can be imported here."""
    if package not in OPTIONAL:
        raise ValueError(f"{package}: expected one of {', '.join(OPTIONAL)}")
    return importlib.util.find_spec(package) is not None
