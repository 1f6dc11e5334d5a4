"""What this machine has and lacks, with where to get it and under which terms."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from synth.scene.system_libraries import missing_system_libraries

PACKAGES = (
    *("torch", "numpy", "opencv-python-headless", "pillow", "anny", "av", "numba"),
    *("lightning-fabric", "safetensors", "scipy", "tensorboard", "jinja2", "msgspec"),
    *("tqdm", "click"),
)

OPTIONAL_PACKAGES = {
    "decord": "a second decoder of videos; PyAV reads everything",
    "smplx": "synth body --compare (non-commercial licence)",
    "ray": "render-videos --ray",
    "fsspec": "render-videos --out URL",
}
"""What some commands use where it is there, and for what."""

PYTHONS = ((3, 11), (3, 14))  # the first that is supported, and the first that is not
BLENDER_PYTHON = (3, 11)

BLAZEPOSE_WHEEL = "mediapipe==0.10.21"
"""Carries BlazePose full; what it requires cannot be had beside the rest, and is not needed."""

YOURS_TO_BRING = (
    (
        "Market-1501",
        "https://zheng-lab-anu.github.io/Project/project_reid.html",
        "research use; pictures of real people",
    ),
    ("CMU motion capture", "http://mocap.cs.cmu.edu", "free for research and commercial use"),
    ("UCF101", "https://www.crcv.ucf.edu/data/UCF101.php", "research use"),
    ("SMPL", "https://smpl.is.tue.mpg.de", "non-commercial licence, registration"),
    ("AMASS", "https://amass.is.tue.mpg.de", "non-commercial licence, registration"),
)
"""What the commands read but we may not ship: name, where, terms."""


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis. `required` and not `good` means that something will not run."""

    subject: str
    good: bool
    text: str
    required: bool = True


def _python() -> Finding:
    version = platform.python_version()
    good = PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]
    advice = "" if good else "; expected 3.11 to 3.13: create the environment with one of them"
    return Finding("Python", good, version + advice)


def _packages() -> Finding:
    missing = [package for package in PACKAGES if not _installed(package)]
    if missing:
        advice = "run: pip install --no-deps -r requirements.lock"
        return Finding("packages", False, f"missing {', '.join(missing)}; {advice}")
    return Finding("packages", True, f"{len(PACKAGES)} of {len(PACKAGES)} installed")


def _optional_packages() -> Finding:
    missing = [f"{name} ({use})" for name, use in OPTIONAL_PACKAGES.items() if not _installed(name)]
    if missing:
        return Finding("optional packages", False, f"without {', '.join(missing)}", required=False)
    return Finding("optional packages", True, f"{', '.join(OPTIONAL_PACKAGES)} installed")


def _installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _torchvision() -> Finding:
    try:
        version = importlib.metadata.version("torchvision")
    except importlib.metadata.PackageNotFoundError:
        return Finding("torchvision", True, "absent, as it should be")
    return Finding(
        "torchvision",
        False,
        f"{version} is installed; its CUDA build breaks a CPU torch: pip uninstall torchvision",
        required=False,
    )


def _blender() -> Finding:
    if importlib.util.find_spec("bpy") is None:
        text = "not installed: films are made by --engine raster, and .usd is not written; "
        if sys.version_info[:2] == BLENDER_PYTHON:
            text += "to have it: pip install 'surrealpp[blender]'"
        else:
            text += "it has wheels for Python 3.11 alone"
        return Finding("Blender", False, text, required=False)
    missing = missing_system_libraries()
    if missing:
        advice = f"run: apt-get install {' '.join(missing.values())}"
        return Finding("Blender", False, f"lacks libraries: {', '.join(missing)}; {advice}")
    return Finding("Blender", True, f"bpy {importlib.metadata.version('bpy')}")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, torch.cuda.get_device_name(0), required=False)
    return Finding("GPU", True, "none; everything runs on the CPU", required=False)


def _weights() -> Finding:
    import textures

    folder = Path(textures.__file__).parent / "weights"
    weights = sorted(folder.glob("*.safetensors"))
    size = sum(path.stat().st_size for path in weights) / 1e6
    names = ", ".join(path.stem for path in weights)
    if not weights:
        return Finding("weights", False, f"none in {folder}; reinstall the package")
    return Finding("weights", True, f"{names} ({size:.1f} MB)")


def _photographs() -> Finding:
    from textures.evidence.blazepose import installed_blazepose

    heavy = "synth fetch-networks, then --networks DIR"
    subject = "photographs"
    if installed_blazepose() is not None:
        text = f"fitted with BlazePose full and our own network; BlazePose heavy is better: {heavy}"
        return Finding(subject, True, text, required=False)
    lacking = [] if importlib.util.find_spec("ai_edge_litert") else ["pip install ai-edge-litert"]
    lacking.append(
        f"pip install --no-deps {BLAZEPOSE_WHEEL} (the full one) or {heavy} (the heavy one)"
    )
    text = f"fitted with our own network alone; BlazePose is better: {', and '.join(lacking)}"
    return Finding(subject, False, text, required=False)


def _free_body() -> Finding:
    from mocap.bodies.free_body import BUILD
    from mocap.files import cache_folder

    path = cache_folder() / f"free_body-{BUILD}.npz"
    if path.exists():
        return Finding("free body", True, f"cached at {path}")
    return Finding(
        "free body",
        True,
        "not built yet; the first command builds it (a minute), or `synth doctor --prepare`",
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    return Finding(
        "disk", free > 3, f"{free:.0f} GB free here; the demo needs 1 GB", required=False
    )


CHECKS: tuple[Callable[[], Finding], ...] = (
    *(_python, _packages, _optional_packages, _torchvision, _blender),
    *(_device, _weights, _photographs, _free_body, _disk),
)


def diagnose() -> list[Finding]:
    """Every finding, in order. Stops after the packages where they are not all there."""
    findings = []
    for check in CHECKS:
        findings.append(check())
        if check is _packages and not findings[-1].good:
            break
    return findings
