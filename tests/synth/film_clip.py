"""A short clip made without Blender, for tests of files and checks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mocap.body import Body
from mocap.skinning import Skinning, skin
from synth.camera import POLICY, FilmFormat, place_camera
from synth.ground_truth import GroundTruth, ground_truth
from synth.plan import PlanRow

FILED = ("depth", "segm", "normal", "gtflow")  # the channels that ``synth.clips`` writes


@dataclass
class MadeClip:
    """A row and what belongs to it; ``frames`` shows the parts in grey over a gradient."""

    row: PlanRow
    truth: GroundTruth
    frames: np.ndarray
    pose: np.ndarray
    translation: np.ndarray

    def write(self, folder) -> None:
        from synth.clips import write_clip

        write_clip(
            folder,
            self.row,
            self.frames,
            self.truth,
            pose=self.pose,
            translation=self.translation,
            flow_ends=(True, False),
            versions={"blender": "none"},
            checks={"figure": 1.0},
        )


def make_clip(body: Body, *, frames: int = 6, channels: tuple[str, ...] = FILED) -> MadeClip:
    """Somebody who walks towards +z, swinging arms and legs."""
    time = np.arange(-1, frames + 1)
    pose = np.zeros((frames + 2, 72))
    for joint, swing in ((1, 0.5), (2, -0.5), (4, 0.2), (13, -0.3), (14, 0.3)):
        pose[:, 3 * joint] = swing * np.sin(time / 5)
    translation = np.stack([0 * time, 1.1 + 0 * time, 0.04 * time], axis=1)
    betas = np.linspace(-1, 1, 10).astype(np.float32)
    vertices, joints = skin(Skinning(body), pose=pose, betas=betas, translation=translation)
    placed = place_camera(joints, np.random.default_rng(11), FilmFormat())
    row = PlanRow(
        stem="train/run0/01_01/01_01_c0002",
        sequence="01_01",
        clip=2,
        split="train",
        category="walk",
        subject="01",
        collection="cmu",
        source="01/01_01.amc",
        start=50,
        frames=frames,
        fps=30.0,
        overlap=0.5,
        betas=tuple(float(b) for b in betas),
        texture="0001.png",
        identity="0001",
        uv_layout=body.uv_layout,
        background={"painted": 3},
        width=320,
        height=240,
        intrinsics=tuple(map(tuple, placed.camera.intrinsics.tolist())),
        rotation=tuple(map(tuple, placed.camera.rotation.tolist())),
        translation=tuple(placed.camera.translation.tolist()),
        camera_policy=POLICY,
        yaw=placed.yaw,
        distance_drawn=placed.distance_drawn,
        distance=placed.distance,
        light=tuple(float(k) for k in range(9)),
        seed=99,
        stand_in=True,
        samples=4,
        channels=tuple(channels),
    )
    truth = ground_truth(vertices, joints, body, [row.camera] * len(vertices), channels=channels)
    ramp = np.broadcast_to(np.linspace(40, 200, 320)[:, None], (frames, 240, 320, 3))
    picture = np.where(truth.mask[..., None], 10.0 * truth.parts[..., None], ramp)
    return MadeClip(row, truth, picture.astype(np.uint8), pose[1:-1], translation[1:-1])
