"""Pieces of a body's surface, cut along lines: the pattern pieces of cloth that follows the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Patch:
    """Faces of a surface with attributes at their vertices.

    Attributes:
        values: (V,K) float32, whatever is known of the vertices.
        faces: (F,3) int32.
        uv: (T,2) float32.
        uv_faces: (F,3) int32.
        face_parts: (F,) uint8.
    """

    values: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    uv_faces: np.ndarray
    face_parts: np.ndarray

    def select(self, mask: np.ndarray) -> Patch:
        """The faces where `mask` (F,) is true, without the vertices that none of them has."""
        vertices, faces = renumbered(self.faces[mask], len(self.values))
        uvs, uv_faces = renumbered(self.uv_faces[mask], len(self.uv))
        return Patch(self.values[vertices], faces, self.uv[uvs], uv_faces, self.face_parts[mask])

    def cut(self, height: np.ndarray) -> Patch:
        """The side of the line `height` = 0 where it is positive; faces across it are cut in two.

        Args:
            height: (V,) signed distance of the vertices from the line, of any scale.
        """
        inside = height >= 0
        count = inside[self.faces].sum(1)
        pieces = [(self.faces[count == 3], self.uv_faces[count == 3], self.face_parts[count == 3])]
        if not ((count == 1) | (count == 2)).any():
            return self.select(count == 3)
        pairs: list[np.ndarray] = []
        vertex_total, uv_total = len(self.values), len(self.uv)
        for number in (1, 2):
            chosen = count == number
            faces, uv_faces = self.faces[chosen], self.uv_faces[chosen]
            # The corner that is alone on its side comes first.
            lone = np.argmax(inside[faces] == (number == 1), axis=1)
            order = (lone[:, None] + np.arange(3)) % 3
            faces = np.take_along_axis(faces, order, 1)
            uv_faces = np.take_along_axis(uv_faces, order, 1)
            for corner in (1, 2):
                pairs.append(np.concatenate([faces[:, [0, corner]], uv_faces[:, [0, corner]]], 1))
            labels = self.face_parts[chosen]
            pieces.append((faces, uv_faces, labels))
        ends = np.concatenate(pairs).astype(np.int64)
        swapped = ends[:, 0] > ends[:, 1]
        ends[swapped] = ends[swapped][:, [1, 0, 3, 2]]
        keys = ends[:, 0] * vertex_total + ends[:, 1]
        keys, edge_of = np.unique(keys, return_inverse=True)
        a, b = np.divmod(keys, vertex_total)
        keys = ends[:, 2] * uv_total + ends[:, 3]
        keys, first, uv_edge_of = np.unique(keys, return_index=True, return_inverse=True)
        c, d = np.divmod(keys, uv_total)
        share = (height[a] / (height[a] - height[b]))[:, None].astype(np.float32)
        values = np.concatenate(
            [self.values, (1 - share) * self.values[a] + share * self.values[b]]
        )
        uv_share = share[edge_of.reshape(-1)[first]]
        uv = np.concatenate([self.uv, (1 - uv_share) * self.uv[c] + uv_share * self.uv[d]])
        new = [edge_of.reshape(-1) + vertex_total, uv_edge_of.reshape(-1) + uv_total]
        sizes = np.cumsum([len(pair) for pair in pairs])[:-1]
        vertex_of, uv_of = (np.split(column, sizes) for column in new)
        faces, uv_faces, labels = [pieces[0][0]], [pieces[0][1]], [pieces[0][2]]
        one, one_uv, one_labels = pieces[1]
        faces.append(np.stack([one[:, 0], vertex_of[0], vertex_of[1]], 1))
        uv_faces.append(np.stack([one_uv[:, 0], uv_of[0], uv_of[1]], 1))
        labels.append(one_labels)
        two, two_uv, two_labels = pieces[2]
        faces.append(np.stack([vertex_of[2], two[:, 1], two[:, 2]], 1))
        uv_faces.append(np.stack([uv_of[2], two_uv[:, 1], two_uv[:, 2]], 1))
        faces.append(np.stack([vertex_of[2], two[:, 2], vertex_of[3]], 1))
        uv_faces.append(np.stack([uv_of[2], two_uv[:, 2], uv_of[3]], 1))
        labels += [two_labels, two_labels]
        whole = Patch(
            values.astype(np.float32),
            np.concatenate(faces),
            uv.astype(np.float32),
            np.concatenate(uv_faces),
            np.concatenate(labels),
        )
        return whole.select(np.ones(len(whole.faces), bool))


def renumbered(faces: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The vertices (N,) that faces (F,3) have, of `count`, and the faces as int32 indices of them."""
    used = np.zeros(count, bool)
    used[faces] = True
    numbers = np.cumsum(used, dtype=np.int32) - 1
    return np.flatnonzero(used), numbers[faces].astype(np.int32)
