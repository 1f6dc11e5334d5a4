"""A short clip made without Blender, for tests of files and checks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from synth.plans.plan_row import PLAN_VERSION, PlanRow
from synth.plans.preset import CameraRanges
from synth.plans.view_sampler import draw_view
from synth.scene.camera import place_cameras
from synth.scene.ground_truth import GroundTruth, ground_truth
from synth.scene.posed_clip import PosedClip, pose_joints, skin_clip


@dataclass
class ExampleClip:
    """A row and what belongs to it; `frames` shows the parts in grey over a gradient."""

    row: PlanRow
    posed_clip: PosedClip
    truth: GroundTruth
    frames: np.ndarray
    body_name: str
    body_build: str

    def write(self, folder) -> None:
        from synth.checks.clip_results import SUFFIX, ClipResults, write_clip_results
        from synth.clips.clip import write_clip

        results = ClipResults({})
        write_clip(
            folder,
            self.row,
            self.frames,
            self.truth,
            self.posed_clip,
            versions={
                "renderer": "none",
                "body": self.body_name,
                "body_build": self.body_build,
            },
            check=results.to_json(),
        )
        if not self.row.film_mirrored:
            write_clip_results(folder / f"{Path(self.row.stem).name}{SUFFIX}", results)


def make_row(body: Body, *, frames: int = 6, **changes) -> PlanRow:
    """A row as `synth plan` writes them."""
    view = draw_view(np.random.default_rng(11), CameraRanges())
    row = PlanRow(
        version=PLAN_VERSION,
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
        stride=50,
        gender="neutral",
        betas=tuple(np.linspace(-1, 1, 10).astype(np.float32).tolist()),
        library="",
        texture="0001.png",
        identity="0001",
        uv_layout=body.uv_layout,
        background={"painted": 3},
        width=320,
        height=240,
        view=view,
        light={"kind": "sh", "coefficients": [float(k) for k in range(9)]},
        seed=99,
        stand_in=True,
        engine="cycles",
        samples=4,
        channels=("depth", "segm", "normal", "gtflow"),
        tracks=50,
        layout="surreal",
    )
    return replace(row, **changes)


def make_clip(
    body: Body, *, frames: int = 6, step: tuple[float, float, float] = (0.0, 0.0, 0.04), **changes
) -> ExampleClip:
    """Somebody who moves by `step` metres a frame, swinging arms and legs; `changes`
    of the row's fields."""
    row = make_row(body, frames=frames, **changes)
    time = np.arange(-1, frames + 1)
    pose = np.zeros((frames + 2, 72), np.float32)
    for joint, swing in ((1, 0.5), (2, -0.5), (4, 0.2), (13, -0.3), (14, 0.3)):
        pose[:, 3 * joint] = swing * np.sin(time / 5)
    translation = (time[:, None] * np.array(step) + [0, 1.1, 0]).astype(np.float32)
    betas = np.array(row.betas, np.float32)
    joints = pose_joints(body, pose=pose, betas=betas, translation=translation)
    placed = place_cameras(joints, row.view, width=row.width, height=row.height, fps=row.fps)
    cameras, ends = placed.cameras, (True, False)
    pose[-1], translation[-1] = pose[-2], translation[-2]
    cameras = (*cameras[:-1], cameras[-2])
    posed_clip = PosedClip(
        pose=pose,
        translation=translation,
        betas=betas,
        cameras=cameras,
        fps=row.fps,
        ends=ends,
        yaw=placed.yaw,
        distance=placed.distance,
    )
    vertices, joints = skin_clip(posed_clip, Skinning(body))
    truth = ground_truth(
        vertices, joints, body, cameras, channels=row.channels, tracks=row.tracks, seed=row.seed
    )
    ramp = np.linspace(40, 200, row.width)[:, None]
    ramp = np.broadcast_to(ramp, (frames, row.height, row.width, 3))
    picture = np.where(truth.mask[..., None], 10.0 * truth.parts[..., None], ramp)
    return ExampleClip(row, posed_clip, truth, picture.astype(np.uint8), body.name, body.build)
