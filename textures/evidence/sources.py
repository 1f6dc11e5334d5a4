"""Which sources of evidence there are, and which of them are installed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocap.bodies.loading import load_body
from mocap.errors import BadInput
from textures.checkpoints import weights_tag
from textures.evidence.blazepose import BlazePose, installed_blazepose
from textures.evidence.evidence import EvidenceSource
from textures.evidence.joint_files import read_joints_csv, read_openpose_folder
from textures.evidence.network import LandmarkSource, load_landmark_network
from textures.evidence.smpl_cameras import CONVENTIONS
from textures.evidence.smpl_fits import read_smpl_fits

HEAVY = "pose_landmark_heavy.tflite"


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """Where sources find their files: downloaded networks, the weights of our own, SMPL's file.

    Without SMPL's file the free body stands for SMPL in other people's fits.
    """

    networks: Path | None = None
    weights: Path | None = None
    smpl: Path | None = None
    device: str = "cpu"


def _network(options: SourceOptions) -> EvidenceSource:
    network, _ = load_landmark_network(options.weights, device=options.device)
    name = "network" if options.weights is None else f"network-{options.weights.stem}"
    return LandmarkSource(network, name=name, tag=weights_tag(options.weights, "body-fit"))


def _blazepose(options: SourceOptions) -> EvidenceSource:
    path = blazepose_file(options)
    if path is None:
        raise BadInput(
            "BlazePose is not installed; pip install --no-deps mediapipe==0.10.21 and "
            "pip install ai-edge-litert, or give the folder that synth fetch-networks filled"
        )
    return BlazePose(path)


SOURCES: dict[str, Callable[[SourceOptions], EvidenceSource]] = {
    "network": _network,
    "blazepose": _blazepose,
}
"""Sources by name; a path to a joints CSV or a folder of OpenPose files is one, too, and so are other
people's fits: `hmr:PATH`, `spin:PATH`, `4d-humans:PATH`."""


def blazepose_file(options: SourceOptions) -> Path | None:
    """The best BlazePose network here: heavy among the downloaded ones, else the wheel's full one."""
    if options.networks is not None and (options.networks / HEAVY).is_file():
        return options.networks / HEAVY
    return installed_blazepose()


def installed_sources(options: SourceOptions) -> list[str]:
    """Names of the sources that can be used here, without files of the user's."""
    return ["blazepose", "network"] if blazepose_file(options) else ["network"]


def open_sources(names: Sequence[str], options: SourceOptions) -> list[EvidenceSource]:
    """The sources of these names or paths; the installed ones when there are none.

    Raises:
        BadInput: for a name that is no source and no path, and for files that cannot be read.
    """
    return [_open(name, options) for name in names or installed_sources(options)]


def _open(name: str, options: SourceOptions) -> EvidenceSource:
    if name in SOURCES:
        return SOURCES[name](options)
    method, _, fits = name.partition(":")
    if method in CONVENTIONS and fits:
        smpl = None if options.smpl is None else load_body(options.smpl)
        return read_smpl_fits(Path(fits), method, smpl=smpl)
    path = Path(name)
    if path.is_dir():
        return read_openpose_folder(path)
    if path.is_file():
        return read_joints_csv(path)
    raise BadInput(
        f"evidence {name!r}: expected one of {', '.join(SOURCES)}, a CSV of joints, a folder of "
        f"OpenPose's JSON files, or fits as {', '.join(f'{method}:PATH' for method in CONVENTIONS)}"
    )
