"""How what hangs from a body lags behind it and swings, by the physics of hanging chains.

A garment's nodes hang in chains. Each is pulled straight by what hangs below it, drawn to where it would
hang on a body that stands still, braked by the air and by its neighbours; chains keep their length and
stay outside of the limbs. Nothing is random, and one clip's shapes depend on that clip's frames alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

SUBSTEP = 1 / 240
"""Seconds, at most, of a step of the dynamics; frames are divided into whole numbers of them."""
_GRAVITY = 9.81
_STIFFNESS = (
    14.0  # 1/second^2, by which cloth in chains is drawn to its shape beside gravity's pull
)
_SOFTNESS = 1.6  # by gravity, of what is no chain
_DAMPING = 0.45  # share of critical damping, against the body that it hangs from
_VISCOSITY = 60.0  # 1/second, between neighbouring nodes, which keeps cloth from rippling
_DRAG = 0.45  # 1/second, of the air
_COUPLING = 4000.0  # 1/second^2, of neighbouring columns
_TIGHTEST = 2e4  # 1/second^2, of a chain's links
_FARTHEST = 0.7  # of its depth that a node moves from where it hangs
_FASTEST = 50.0  # radians/second, of what is all but held
_SHORTEST = 0.05  # metres of cloth that swing
SLACKEST = 0.95
"""Share of its length to which cloth may fold between two nodes; it never grows longer."""


@dataclass(frozen=True, kw_only=True)
class Swing:
    """How a garment is held: R rows of A nodes, each row hanging from the one above it.

    Attributes:
        depth: (R,A) metres of cloth between the node and where it is held; 0 of what does not swing.
        length: (R,A) metres to the node above; infinite where there is none.
        closed: whether the last column is followed by the first.
        outward: (R,A,3) unit vectors in the T-pose, away from the body; None where a `Drape` knows.
        joint: whose frame turns `outward`.
        slack: (R,A) metres by which a node may come nearer to the body than it hangs at rest, where no
            `Drape` knows.
        reach: (R,A) metres that a node without a length may move from where it hangs.
        shares: (R,V) of the vertices in the nodes of a thing that is stiff across its one column; None
            where the nodes are the vertices.
        ring: (V,) the row with which each vertex of a stiff thing moves.
        segment: (V,) the row whose piece of the chain, from the row above it, turns the vertex.
    """

    depth: np.ndarray
    length: np.ndarray
    closed: bool = False
    outward: np.ndarray | None = None
    joint: int = 0
    slack: np.ndarray | None = None
    reach: np.ndarray | None = None
    shares: np.ndarray | None = None
    ring: np.ndarray | None = None
    segment: np.ndarray | None = None

    def nodes(self, vertices: np.ndarray) -> np.ndarray:
        """The nodes (T,R,A,3) of a garment's vertices (T,V,3)."""
        if self.shares is None:
            return vertices.reshape(len(vertices), *self.depth.shape, 3)
        return np.einsum("rv,tvk->trk", self.shares, vertices)[:, :, None]

    def vertices(self, hung: np.ndarray, nodes: np.ndarray) -> np.ndarray:
        """The garment's vertices (T,V,3) whose nodes have moved to (T,R,A,3).

        Args:
            hung: (T,V,3) the vertices as they hang on a body that stands still.
            nodes: where the dynamics have taken their nodes.
        """
        if self.ring is None or self.segment is None:
            return nodes.reshape(hung.shape)
        before, after = self.nodes(hung)[:, :, 0], nodes[:, :, 0]
        turns = np.stack(
            [
                _turns(before[:, k] - before[:, k - 1], after[:, k] - after[:, k - 1])
                for k in range(1, before.shape[1])
            ],
            1,
        )
        turn = turns[:, self.segment - 1]
        offsets = hung - before[:, self.ring]
        return after[:, self.ring] + np.einsum("tvij,tvj->tvi", turn, offsets)


def sheet_swing(rings: np.ndarray, free: np.ndarray, closed: bool) -> Swing | None:
    """How cloth of rings swings, or None of cloth of which too little hangs.

    Args:
        rings: (R,A,3) in the T-pose, from the top to the hem, metres.
        free: (R,) bool, the rings that nothing holds.
        closed: whether the rings are.
    """
    length = np.full(rings.shape[:2], np.inf)
    length[1:] = np.linalg.norm(np.diff(rings, axis=0), axis=-1)
    free = free & (np.arange(len(rings)) > 0)
    depth = np.cumsum(np.where(free[:, None], length, 0.0), axis=0)
    if not free.any() or depth.max() < _SHORTEST:
        return None
    return Swing(depth=depth, length=length, closed=closed)


def strand_swing(
    shares: np.ndarray,
    vertices: np.ndarray,
    *,
    ring: np.ndarray,
    segment: np.ndarray,
    outward: tuple[float, float, float],
    joint: int,
    slack: float = 0.0,
) -> Swing:
    """How a tail of hair or a bag swings below its first node, which is held.

    Args:
        shares: (R,V) of the vertices in the nodes.
        vertices: (V,3) in the T-pose, metres.
        ring: see `Swing`.
        segment: see `Swing`.
        outward: unit vector in the T-pose, away from the body.
        joint: whose frame turns it.
        slack: metres by which it may come nearer to the body than it hangs at rest.
    """
    nodes = shares @ vertices
    length = np.concatenate([[np.inf], np.linalg.norm(np.diff(nodes, axis=0), axis=-1)])
    depth = np.concatenate([[0.0], np.cumsum(length[1:])])
    return Swing(
        depth=depth[:, None],
        length=length[:, None],
        outward=np.broadcast_to(outward, (len(nodes), 1, 3)),
        joint=joint,
        slack=np.full((len(nodes), 1), slack),
        shares=shares,
        ring=ring,
        segment=segment,
    )


def _turns(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The least rotations (T,3,3) that turn vectors (T,3) into the directions of others (T,3)."""
    a = before / np.maximum(np.linalg.norm(before, axis=1, keepdims=True), 1e-9)
    b = after / np.maximum(np.linalg.norm(after, axis=1, keepdims=True), 1e-9)
    v, c = np.cross(a, b), (a * b).sum(1)
    cross = np.zeros((len(a), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
    cross -= cross.transpose(0, 2, 1)
    return np.eye(3) + cross + cross @ cross / np.maximum(1 + c, 1e-3)[:, None, None]


def swung_nodes(
    hung: np.ndarray, limits: np.ndarray, outward: np.ndarray, swing: Swing, *, fps: float
) -> np.ndarray:
    """Nodes of a garment on a body that moves.

    The first frame is that of somebody who has always moved on as they do there, so that a clip's shapes
    are a function of its own frames wherever in a motion it begins.

    Args:
        hung: (T,R,A,3) where the nodes would hang if the body stood still in each frame, metres.
        limits: (T,R,A,3) points behind which the nodes never are: the outsides of the limbs.
        outward: (T,R,A,3) unit vectors from the limits away from the body.
        swing: how the garment is held.
        fps: frames a second.

    Returns:
        (T,R,A,3) float64.
    """
    steps = max(1, int(np.ceil(1 / (fps * SUBSTEP) - 1e-6)))
    depth = np.ascontiguousarray(swing.depth, np.float64)
    length = np.ascontiguousarray(swing.length, np.float64)
    total = np.maximum(depth.max(0), 1e-3)  # of each column
    chained = length < np.inf
    # What hangs below a link pulls it straight.
    hanging = total - depth + np.where(chained, length, 0.0)
    links = np.where(chained, _GRAVITY * hanging / np.where(chained, length, 1.0) ** 2, 0.0)
    links = np.minimum(links, _TIGHTEST)
    pull = np.where(chained, _STIFFNESS, _GRAVITY * _SOFTNESS / np.maximum(depth, 1e-3))
    pull = np.minimum(pull, _FASTEST**2)
    reach = _FARTHEST * depth if swing.reach is None else swing.reach
    held = depth <= 0
    pace = np.zeros(3)
    if len(hung) > 1:
        pace = (hung[1] - hung[0])[held if held.any() else ~held].mean(0) * fps
    return _swung(
        np.ascontiguousarray(hung, np.float64),
        np.ascontiguousarray(limits, np.float64),
        np.ascontiguousarray(outward, np.float64),
        held,
        pull,
        2 * _DAMPING * np.sqrt(pull + _GRAVITY / total),
        links,
        _DRAG * depth / total / (pull + _GRAVITY / total),
        length,
        np.ascontiguousarray(reach, np.float64),
        swing.closed,
        steps,
        1 / (fps * steps),
        pace,
    )


@numba.njit(cache=True, nogil=True)
def _swung(
    hung, limits, outward, held, pull, damping, links, lean, length, reach, closed, steps, dt, pace
):
    frames, rows, columns = hung.shape[0], hung.shape[1], hung.shape[2]
    out = np.empty(hung.shape)
    x, v = hung[0].copy(), np.zeros(hung.shape[1:])
    target, limit, away = hung[0].copy(), limits[0].copy(), outward[0].copy()
    before, motion = np.zeros(hung.shape[1:]), np.zeros(hung.shape[1:])
    pace_before = np.zeros(hung.shape[1:])
    unstopped = np.empty(3)
    for r in range(rows):
        for a in range(columns):
            for k in range(3):
                if not held[r, a]:
                    x[r, a, k] -= lean[r, a] * pace[k]
                v[r, a, k] = pace[k]
            if not held[r, a]:
                _bound(x, target, limit, away, held, length, reach, r, a)
    out[0] = x
    _chain(out[0], target, limit, away, held, length)
    for t in range(1, frames):
        for step in range(1, steps + 1):
            share = step / steps
            for r in range(rows):
                for a in range(columns):
                    norm = 0.0
                    for k in range(3):
                        goal = hung[t - 1, r, a, k] * (1 - share) + hung[t, r, a, k] * share
                        motion[r, a, k] = (goal - target[r, a, k]) / dt
                        before[r, a, k] = x[r, a, k] - target[r, a, k]
                        pace_before[r, a, k] = v[r, a, k] - motion[r, a, k]
                        target[r, a, k] = goal
                        limit[r, a, k] = (
                            limits[t - 1, r, a, k] * (1 - share) + limits[t, r, a, k] * share
                        )
                        away[r, a, k] = (
                            outward[t - 1, r, a, k] * (1 - share) + outward[t, r, a, k] * share
                        )
                        norm += away[r, a, k] ** 2
                    for k in range(3):
                        away[r, a, k] /= np.sqrt(norm)
            for r in range(rows):
                for a in range(columns):
                    if held[r, a]:
                        for k in range(3):
                            x[r, a, k] = target[r, a, k]
                            v[r, a, k] = motion[r, a, k]
                        continue
                    left = a - 1 if a > 0 else (columns - 1 if closed else a)
                    right = a + 1 if a < columns - 1 else (0 if closed else a)
                    upper = max(r - 1, 0)
                    lower = r + 1 if r < rows - 1 else r
                    across = _COUPLING if length[r, a] < np.inf else 0.0
                    lag = _VISCOSITY if length[r, a] < np.inf else 0.0
                    tight, loose = links[r, a], links[lower, a] if lower > r else 0.0
                    braked = 1 + dt * (damping[r, a] + _DRAG) + dt * dt * pull[r, a]
                    for k in range(3):
                        deviation = before[r, a, k]
                        force = pull[r, a] * (target[r, a, k] - x[r, a, k])
                        force += damping[r, a] * motion[r, a, k]
                        force += tight * (before[upper, a, k] - deviation)
                        force += loose * (before[lower, a, k] - deviation)
                        force += across * (
                            0.5 * (before[r, left, k] + before[r, right, k]) - deviation
                        )
                        near = pace_before[r, left, k] + pace_before[r, right, k]
                        near += pace_before[upper, a, k] + pace_before[lower, a, k]
                        force += lag * (0.25 * near - pace_before[r, a, k])
                        v[r, a, k] = (v[r, a, k] + dt * force) / braked
                        x[r, a, k] += dt * v[r, a, k]
                        unstopped[k] = x[r, a, k]
                    _bound(x, target, limit, away, held, length, reach, r, a)
                    for k in range(3):  # what stops it takes its speed
                        v[r, a, k] += (x[r, a, k] - unstopped[k]) / dt
        out[t] = x
        _chain(out[t], target, limit, away, held, length)
    return out


@numba.njit(cache=True, nogil=True)
def _bound(x, target, limit, away, held, length, reach, r, a):
    """A node beside its chain, within its reach and outside of its limit, in place."""
    far, depth_inside = 0.0, 0.0
    if length[r, a] < np.inf:  # a chain swings across itself; along, it only would crumple
        size, shift = 0.0, 0.0
        anchor = r
        while not held[anchor, a]:
            anchor -= 1
        for k in range(3):
            axis = target[r, a, k] - target[anchor, a, k]
            size += axis**2
            shift += (x[r, a, k] - target[r, a, k]) * axis
        if size > 0:
            for k in range(3):
                x[r, a, k] -= shift / size * (target[r, a, k] - target[anchor, a, k])
    for k in range(3):
        far += (x[r, a, k] - target[r, a, k]) ** 2
    far = np.sqrt(far)
    if far > reach[r, a]:
        for k in range(3):
            x[r, a, k] = target[r, a, k] + (x[r, a, k] - target[r, a, k]) * reach[r, a] / far
    for k in range(3):
        depth_inside += (limit[r, a, k] - x[r, a, k]) * away[r, a, k]
    if depth_inside > 0:
        for k in range(3):
            x[r, a, k] += depth_inside * away[r, a, k]


@numba.njit(cache=True, nogil=True)
def _chain(x, target, limit, away, held, length):
    """Nodes at their lengths from the nodes above, from the top down, outside of the limits; in place."""
    u, upper = np.empty(3), np.empty(3)  # of the segment; the node above as it was
    for a in range(x.shape[1]):
        for r in range(x.shape[0]):
            if held[r, a]:
                for k in range(3):
                    upper[k] = x[r, a, k]
                    x[r, a, k] = target[r, a, k]
                continue
            if length[r, a] == np.inf:
                continue
            size, forward, needed = 0.0, 0.0, 0.0
            for k in range(3):
                u[k] = x[r, a, k] - upper[k]
                upper[k] = x[r, a, k]
                size += u[k] ** 2
                needed += (limit[r, a, k] - x[r - 1, a, k]) * away[r, a, k]
            size = np.sqrt(size)
            extent = min(max(size, SLACKEST * length[r, a]), length[r, a])
            for k in range(3):
                u[k] = u[k] / max(size, 1e-9)
                forward += u[k] * away[r, a, k]
            share = needed / extent
            if forward < share:  # turned outwards about the node above, as far as it must
                share = min(share, 1.0)
                side = 0.0
                for k in range(3):
                    u[k] -= forward * away[r, a, k]
                    side += u[k] ** 2
                axis = np.sqrt(1 - share * share) / max(np.sqrt(side), 1e-9)
                for k in range(3):
                    u[k] = share * away[r, a, k] + axis * u[k]
            for k in range(3):
                x[r, a, k] = x[r - 1, a, k] + extent * u[k]
