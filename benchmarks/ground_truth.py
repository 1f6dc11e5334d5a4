"""What ground truth costs: CPU milliseconds a frame, channel by channel and all together.

    python benchmarks/ground_truth.py [--frames 50] [--repeats 5] [--size 320x240] [--tracks 1000]

The free body walks before SURREAL's camera (f = 600 pixels at 320x240) at 8 and at 4 metres, and
before a camera that moves. Beside it stand what no ground truth can do without (projecting the
mesh and finding the face that each pixel sees) and the plain functions of `textures.visibility.buffer`,
one call a channel, which give the same labels. One core; the time is the process's own, so that
whatever else the machine does matters little; the least of the repeats counts. Writing files is not
in it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning, skin
from synth.scene.ground_truth import CHANNELS, ground_truth
from textures.visibility import buffer as plain
from textures.visibility.camera import Camera, look_at
from textures.visibility.projected_mesh import project_mesh, visible_pixels
from textures.visibility.rendering_tensor import texel_map


def walk(body: Body, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (T+2,V,3) and joints (T+2,24,3) of somebody who walks on the spot and turns."""
    step = np.arange(frames + 2)
    pose = np.zeros((frames + 2, 72))
    pose[:, 1] = 0.03 * step
    for joint, swing in ((1, 0.5), (2, -0.5), (4, 0.3), (5, 0.3), (16, -0.4), (17, 0.4)):
        pose[:, 3 * joint] = swing * np.sin(step / 5)
    pose[:, 3 * 16 + 2], pose[:, 3 * 17 + 2] = -1.2, 1.2
    return skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=np.zeros((len(pose), 3)))


def cameras_at(
    distance: float, joints: np.ndarray, width: int, height: int, *, swing: float = 0.0
) -> list[Camera]:
    """A camera a frame, level, ``distance`` metres before the pelvis; it moves by ``swing``."""
    middle = joints[:, 0].mean(axis=0)
    return [
        look_at(
            middle + np.array([np.sin(swing * n), 0.0, np.cos(swing * n)]) * distance,
            middle,
            focal=600 * width / 320,
            width=width,
            height=height,
        )
        for n in range(len(joints))
    ]


def milliseconds(run: Callable[[], object], repeats: int, frames: int) -> float:
    """The least CPU time of ``repeats`` runs, by frame."""
    best = np.inf
    for _ in range(repeats + 1):  # the first compiles, or loads what was compiled
        begin = time.process_time()
        run()
        best = min(best, time.process_time() - begin)
    return 1e3 * best / frames


def bare(vertices: np.ndarray, body: Body, cameras: list[Camera]) -> None:
    for now, camera in zip(vertices[1:-1], cameras[1:-1]):
        visible_pixels(project_mesh(now, body.faces, camera))


def plainly(vertices: np.ndarray, body: Body, cameras: list[Camera]) -> None:
    """The dense channels by the plain functions (no joints, no tracks)."""
    faces = body.faces
    for frame in range(1, len(vertices) - 1):
        now, camera = vertices[frame], cameras[frame]
        buffer = plain.visibility(now, faces, camera)
        plain.parts(buffer, body.face_parts)
        plain.depth(buffer, faces, now, camera)
        plain.normals(buffer, faces, now, camera)
        texel_map(buffer, body.mesh)
        for other in (frame - 1, frame + 1):
            plain.flow(buffer, faces, vertices[other], cameras[other])
            plain.flow_occlusion(buffer, faces, vertices[other], cameras[other])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--tracks", type=int, default=1000)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    body = load_free_body()
    vertices, joints = walk(body, options.frames)
    scenes = {
        "8 m": cameras_at(8.0, joints, width, height),
        "4 m": cameras_at(4.0, joints, width, height),
        "4 m, moving": cameras_at(4.0, joints, width, height, swing=0.02),
    }

    def made(cameras: list[Camera], channels: tuple[str, ...]):
        return ground_truth(
            vertices, joints, body, cameras, channels=channels, tracks=options.tracks
        )

    columns = []
    for cameras in scenes.values():
        rows = {"pixels on the body": made(cameras, ()).mask.sum() / options.frames}

        def timed(run: Callable[[], object]) -> float:
            return milliseconds(run, options.repeats, options.frames)

        rows["bare rasterisation"] = timed(lambda c=cameras: bare(vertices, body, c))
        rows["joints and parts, always made"] = timed(lambda c=cameras: made(c, ()))
        for channel in CHANNELS:
            rows[f"  and {channel}"] = timed(lambda c=cameras, k=channel: made(c, (k,)))
        rows["all channels"] = timed(lambda c=cameras: made(c, CHANNELS))
        rows["plain functions, dense channels"] = timed(
            lambda c=cameras: plainly(vertices, body, c)
        )
        columns.append(rows)
    print(
        f"{len(body.template)} vertices, {len(body.faces)} faces, {options.size}, "
        f"{options.frames} frames, {options.tracks} tracks; CPU ms a frame"
    )
    print(f"{'':<32}" + "".join(f"{name:>14}" for name in scenes))
    for name in columns[0]:
        digits = 0 if name.startswith("pixels") else 2
        print(f"{name:<32}" + "".join(f"{rows[name]:>14.{digits}f}" for rows in columns))


if __name__ == "__main__":
    main()
