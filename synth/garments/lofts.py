"""Lofted tubes about a body: grids of vertices on the outlines of its slices, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synth.garments.garment import Garment
from synth.garments.skin_samples import SkinSamples
from synth.garments.slices import CLEARANCE, Drape, Slices
from synth.garments.swing import sheet_swing

_BAND = 0.02  # metres above and below a ring in which something is worn beneath it


@dataclass(frozen=True)
class Loft:
    """A grid of R rings of A vertices about a body, of which garments take rings and columns.

    Attributes:
        slices: R of them.
        directions: (R,A,3) unit vectors.
        joint: whose frame turns the directions; None: that of the limbs of each ring.
        level: (R,) metres along the tube: heights of a loft about the trunk.
        closed: whether the last column is followed by the first.
        uv: (T,2) float32.
        uv_faces: (R-1,C,2,3) int32, two faces a cell.
        face_parts: (R-1,C,2) uint8.
    """

    slices: Slices
    directions: np.ndarray
    joint: int | None
    level: np.ndarray
    closed: bool
    uv: np.ndarray
    uv_faces: np.ndarray
    face_parts: np.ndarray

    def garment(
        self,
        kind: str,
        vertices: np.ndarray,
        weights: np.ndarray,
        *,
        rows: tuple[int, int],
        margin: np.ndarray,
        taper: float = np.inf,
        hanging: bool = True,
        underlay: np.ndarray | float = 0.0,
        held: float = -np.inf,
        layer: int = 0,
        colour: tuple[float, float, float] | None = None,
    ) -> Garment:
        """Cloth on some of the rings.

        Args:
            kind: of the garment.
            vertices: (V,3) of the T-posed, shaped body.
            weights: (V,24) of the body.
            rows: first ring, and the one after the last.
            margin: metres off the body, broadcast to (rows, A).
            taper: see `Drape`.
            hanging: whether it finds its way about the limbs anew in each pose, or is skinned.
            underlay: metres off the body of what is worn beneath it, broadcast to (rows, A).
            held: the level below which it swings.
            layer: see `Garment`.
            colour: of a carried thing; cloth has the body's texture.
        """
        start, stop = rows
        shape = (stop - start, self.directions.shape[1])
        underlay = np.broadcast_to(underlay, shape)
        covered = np.where(underlay > 0, underlay + CLEARANCE, 0)
        drape = Drape(
            slices=self.slices.rows(start, stop),
            directions=self.directions[start:stop],
            weights=self._ring_weights(start, stop, weights),
            margin=np.maximum(np.broadcast_to(margin, shape), covered),
            taper=taper,
            underlay=underlay,
        )
        rings, shares = drape.rings(vertices)
        blended = shares @ drape.slices.values(weights)
        blended /= blended.sum(-1, keepdims=True)
        uvs, uv_faces = np.unique(self.uv_faces[start : stop - 1], return_inverse=True)
        return Garment(
            kind=kind,
            vertices=rings.reshape(-1, 3).astype(np.float32),
            faces=grid_faces(stop - start, self.directions.shape[1], self.closed).reshape(-1, 3),
            weights=blended.reshape(-1, weights.shape[1]).astype(np.float32),
            uv=None if colour else self.uv[uvs],
            uv_faces=None if colour else uv_faces.reshape(-1, 3).astype(np.int32),
            face_parts=self.face_parts[start : stop - 1].reshape(-1) * np.uint8(colour is None),
            colour=colour,
            drape=drape if hanging else None,
            swing=sheet_swing(rings, self.level[start:stop] < held, self.closed),
            layer=layer,
        )

    def _ring_weights(self, start: int, stop: int, weights: np.ndarray) -> np.ndarray:
        """The joints (rows,24) that turn the directions of rings on a body of `weights` (V,24)."""
        if self.joint is not None:
            return np.eye(weights.shape[1])[self.joint][None].repeat(stop - start, axis=0)
        slices = self.slices.rows(start, stop)
        rows = [w[valid].mean(0) for w, valid in zip(slices.values(weights), slices.valid)]
        return np.stack(rows) / np.sum(rows, axis=1, keepdims=True)

    def thickness(
        self, vertices: np.ndarray, rows: tuple[int, int], garments: Sequence[Garment]
    ) -> np.ndarray:
        """Metres (rows,A) by which garments stand off a T-posed body in the directions of the loft.

        Args:
            vertices: (V,3) of the T-posed, shaped body.
            rows: first ring, and the one after the last.
            garments: what is worn beneath the loft.
        """
        start, stop = rows
        directions = self.directions[start:stop]
        thickness = np.zeros(directions.shape[:2])
        if not garments:
            return thickness
        cover = np.concatenate([garment.vertices for garment in garments]).astype(np.float64)
        slices = self.slices.rows(start, stop)
        points = slices.values(vertices)
        for row, valid in enumerate(slices.valid):
            height = points[row][valid][:, 1].mean()
            near = cover[np.abs(cover[:, 1] - height) < _BAND]
            if len(near):
                body = (points[row][valid] @ directions[row].T).max(0)
                thickness[row] = np.maximum((near @ directions[row].T).max(0) - body, 0)
        return thickness

    def rows_between(self, upper: float, lower: float) -> tuple[int, int]:
        """The rings whose levels lie between two heights, the lower one reached but not passed."""
        inside = np.flatnonzero((self.level <= upper + 1e-6) & (self.level >= lower - 1e-6))
        return (int(inside[0]), int(inside[-1]) + 1) if len(inside) else (0, 0)


def grid_faces(rows: int, columns: int, closed: bool) -> np.ndarray:
    """Faces (rows-1, columns or columns-1, 2, 3) int32 of a grid, ring by ring.

    They face outwards where the rings go down and the columns run anticlockwise seen from above.
    """
    r, c = np.mgrid[: rows - 1, : columns - (0 if closed else 1)]
    following = (c + 1) % columns
    a, b = r * columns + c, r * columns + following
    lower, diagonal = a + columns, b + columns
    cells = np.stack([np.stack([a, lower, b], -1), np.stack([b, lower, diagonal], -1)], 2)
    return cells.astype(np.int32)


def make_loft(
    slices: Slices,
    directions: np.ndarray,
    joint: int | None,
    level: np.ndarray,
    template: np.ndarray,
    samples: SkinSamples,
    *,
    closed: bool = True,
    allowed: np.ndarray | None = None,
) -> Loft:
    """Prepare a loft: its UVs are those of the nearest points of the template.

    Args:
        slices: of the template.
        directions: (A,3) or (R,A,3) unit vectors.
        joint: whose frame turns them; None: that of the limbs of each ring.
        level: (R,).
        template: (V,3).
        samples: of its surface.
        closed: whether the rings are.
        allowed: (S,) bool, the samples that UVs are taken from.
    """
    count = len(slices.first)
    directions = np.broadcast_to(directions, (count, *directions.shape[-2:]))
    fixed = np.eye(24)[:1].repeat(count, axis=0)
    drape = Drape(slices, directions, fixed, np.full(directions.shape[:2], 0.01), np.inf)
    rings = drape.rings(template)[0].reshape(-1, 3)
    faces = grid_faces(count, directions.shape[1], closed)
    uv, uv_faces, parts = samples.corner_uvs(rings, faces.reshape(-1, 3), allowed, upright=3.0)
    return Loft(
        slices,
        directions,
        joint,
        np.asarray(level),
        closed,
        uv,
        uv_faces.reshape(faces.shape),
        parts.reshape(faces.shape[:3]),
    )
