"""The system libraries that Blender links to, and the Debian packages that hold them."""

from __future__ import annotations

import ctypes

from mocap.errors import BadInput

SYSTEM_LIBRARIES: dict[str, str] = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
}


def missing_system_libraries() -> dict[str, str]:
    """Libraries of `SYSTEM_LIBRARIES` that this machine cannot load, with their packages."""
    missing = {}
    for library, package in SYSTEM_LIBRARIES.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[library] = package
    return missing


def require_system_libraries() -> None:
    """Raise BadInput that names the packages to install where Blender could not be imported."""
    missing = missing_system_libraries()
    if missing:
        raise BadInput(
            f"Blender needs system libraries that are not installed ({', '.join(missing)}); "
            f"run: apt-get install {' '.join(missing.values())}"
        )
