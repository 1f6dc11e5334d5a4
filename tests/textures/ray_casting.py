"""Oracle of visibility: every ray against every face, in plain arithmetic."""

from __future__ import annotations

import numpy as np


def cast_rays(vertices, faces, camera, positions):
    """The first face on the ray through each position (N,), -1: none; its depth (N,) metres, inf:
    none; and how near the answer is to another: the least barycentric distance to an edge, or the
    depth to the second face."""
    rays = (
        np.column_stack([positions, np.ones(len(positions))]) @ np.linalg.inv(camera.intrinsics).T
    )
    a, b, c = (camera.to_camera(vertices)[faces[:, k]] for k in range(3))
    nearest = np.full(len(rays), np.inf)
    face = np.full(len(rays), -1)
    margin = np.full(len(rays), np.inf)
    for n, ray in enumerate(rays):
        with np.errstate(divide="ignore", invalid="ignore"):
            p = np.cross(ray, c - a)
            determinant = np.einsum("fd,fd->f", b - a, p)
            u = np.einsum("fd,fd->f", -a, p) / determinant
            q = np.cross(-a, b - a)
            v = q @ ray / determinant
            t = np.einsum("fd,fd->f", c - a, q) / determinant
        inside = np.minimum(np.minimum(u, v), 1 - u - v)
        hits = (inside >= 0) & (t > 1e-3)
        margin[n] = np.nanmin(np.abs(np.append(inside[np.isfinite(inside)], np.inf)))
        if hits.any():
            face[n] = np.flatnonzero(hits)[np.argmin(t[hits])]
            nearest[n] = t[face[n]]
            others = np.sort(t[hits])
            if len(others) > 1:
                margin[n] = min(margin[n], others[1] - others[0])
    return face, nearest, margin
