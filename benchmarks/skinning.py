"""Skinning against `smplx`, on the same SMPL-format data: how long a batch of bodies takes.

    python benchmarks/skinning.py [--threads 1] [--pairs 30] [--device cpu]

The data has SMPL's sizes (6,890 vertices, 10 betas, 207 pose directions) and invented numbers; speed
does not depend on them. Ours and theirs take turns, so that whatever else the machine does meets both;
the ratio is the median over the pairs of theirs / ours: 1 or more means at least as fast. First both
must give the same vertices.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from collections.abc import Callable

import numpy as np
import torch

from mocap.bodies.body import PARENTS, Body, parts_of_faces
from mocap.bodies.mesh import Mesh
from mocap.bodies.skinning import Skinning

VERTICES, FACES = 6890, 13776
BATCHES = (1, 64, 256)


def invented_model(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Arrays under SMPL's names, four joints a vertex as SMPL has."""
    weights = np.zeros((VERTICES, 24))
    for row in weights:
        row[rng.choice(24, 4, replace=False)] = rng.dirichlet(np.ones(4))
    regressor = rng.random((24, VERTICES))
    return {
        "v_template": rng.normal(scale=0.5, size=(VERTICES, 3)),
        "shapedirs": rng.normal(scale=0.01, size=(VERTICES, 3, 10)),
        "posedirs": rng.normal(scale=0.01, size=(VERTICES, 3, 207)),
        "J_regressor": regressor / regressor.sum(1, keepdims=True),
        "weights": weights,
        "f": rng.integers(0, VERTICES, (FACES, 3)).astype(np.uint32),
        "kintree_table": np.array([[4294967295, *PARENTS[1:]], range(24)], np.uint32),
    }


def as_body(arrays: dict[str, np.ndarray]) -> Body:
    """The same numbers as a `Body` (without UVs)."""
    faces = arrays["f"].astype(np.int32)
    single = {name: array.astype(np.float32) for name, array in arrays.items()}
    parts = parts_of_faces(faces, single["weights"])
    return Body(
        mesh=Mesh(
            name="invented",
            uv_layout="none",
            vertices=single["v_template"],
            faces=faces,
            uv=np.zeros((1, 2), np.float32),
            uv_faces=np.zeros_like(faces),
            face_parts=parts,
        ),
        shape_directions=single["shapedirs"],
        joint_regressor=single["J_regressor"],
        weights=single["weights"],
        pose_directions=single["posedirs"],
    )


def seconds(run: Callable[[], object], device: str) -> float:
    begin = time.perf_counter()
    run()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with contextlib.redirect_stdout(io.StringIO()):
        import smplx
        from smplx.utils import Struct

        arrays = invented_model(np.random.default_rng(0))
        theirs = smplx.SMPL(
            "",
            data_struct=Struct(**arrays),
            num_betas=10,
            **{
                f"create_{name}": False
                for name in ("betas", "global_orient", "body_pose", "transl")
            },
        )
    theirs = theirs.to(options.device)
    ours = Skinning(as_body(arrays)).to(options.device)
    print("batch   ours, ms   smplx, ms   ratio of medians   median ratio of pairs   farthest, m")
    for batch in BATCHES:
        generator = torch.Generator().manual_seed(batch)
        pose, betas, translation = (
            (torch.randn(batch, n, generator=generator) * 0.4).to(options.device)
            for n in (72, 10, 3)
        )

        def run_ours(args=(pose, betas, translation)):
            return ours(*args)[0]

        def run_theirs(pose=pose, betas=betas, translation=translation):
            return theirs(
                betas=betas, body_pose=pose[:, 3:], global_orient=pose[:, :3], transl=translation
            ).vertices

        with torch.no_grad():
            farthest = (run_ours() - run_theirs()).norm(dim=-1).max().item()
            pairs = [
                (seconds(run_ours, options.device), seconds(run_theirs, options.device))
                for _ in range(options.pairs * (10 if batch == 1 else 1))
            ]
        mine, other = np.median(pairs, axis=0)
        ratio = np.median([b / a for a, b in pairs])
        print(
            f"{batch:>5}   {mine * 1e3:>8.2f}   {other * 1e3:>9.2f}   {other / mine:>16.2f}   "
            f"{ratio:>21.2f}   {farthest:.1e}"
        )


if __name__ == "__main__":
    main()
