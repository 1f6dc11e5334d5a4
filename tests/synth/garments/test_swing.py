"""Cloth that swings: at rest where nothing moves, behind where it does, of one length, beside limbs."""

from __future__ import annotations

import numpy as np
import pytest

from synth.garments.swing import SLACKEST, Swing, sheet_swing, strand_swing, swung_nodes

ROWS, COLUMNS, RADIUS, DROP = 12, 16, 0.2, 0.04


def skirt(radius: float = RADIUS) -> np.ndarray:
    """Rings (R,A,3) of a cylinder whose axis is the vertical."""
    angle = np.linspace(0, 2 * np.pi, COLUMNS, endpoint=False)
    ring = np.stack([np.sin(angle), np.zeros(COLUMNS), np.cos(angle)], 1) * radius
    return ring + np.array([0, -DROP, 0.0]) * np.arange(ROWS)[:, None, None]


def outward_of(rings: np.ndarray) -> np.ndarray:
    flat = rings * (1, 0, 1)
    return flat / np.linalg.norm(flat, axis=-1, keepdims=True)


def swung(path: np.ndarray, turn: np.ndarray, *, slack: float = 0.1, fps: float = 30.0):
    """A skirt whose waist goes along a path (T,3) and turns (T,) radians: its rest, limits, and nodes."""
    rings = skirt()
    swing = sheet_swing(rings, np.arange(ROWS) > 1, True)
    c, s, o, one = np.cos(turn), np.sin(turn), np.zeros(len(turn)), np.ones(len(turn))
    matrix = np.array([[c, o, s], [o, one, o], [-s, o, c]]).transpose(2, 0, 1)
    rest = np.einsum("tij,raj->trai", matrix, rings) + path[:, None, None]
    outward = np.einsum("tij,raj->trai", matrix, outward_of(rings))
    limits = rest - slack * outward
    return rest, limits, outward, swung_nodes(rest, limits, outward, swing, fps=fps)


def test_on_a_body_that_stands_still_nothing_moves():
    rest, _, _, nodes = swung(np.zeros((40, 3)), np.zeros(40))
    np.testing.assert_allclose(nodes, rest, atol=1e-6)


def test_a_hem_lags_when_the_body_starts_and_swings_on_when_it_stops():
    time = np.arange(60) / 30
    position = np.clip(time - 0.3, 0, 0.7) * 1.5
    path = np.stack([position, 0 * time, 0 * time], 1)
    rest, _, _, nodes = swung(path, 0 * time)
    shift = (nodes - rest)[:, -1, :, 0].mean(1)
    assert abs(shift[:9]).max() < 1e-6
    assert shift[12:16].min() < -0.03  # behind
    assert shift[31:40].max() > 0.03  # and on
    assert abs(shift[-1]) < 0.5 * abs(shift).max()  # which dies down
    held = nodes[:, :2]
    np.testing.assert_allclose(held, rest[:, :2], atol=1e-12)


def test_a_hem_turns_later_than_the_hips():
    turn = np.clip(np.arange(30) / 30 - 0.2, 0, 0.4) * 4
    rest, _, _, nodes = swung(np.zeros((30, 3)), turn)

    def angles(points):
        return np.unwrap(np.arctan2(points[..., 0], points[..., 2]), axis=0)

    behind = (angles(rest[:, -1]) - angles(nodes[:, -1])).mean(1)
    assert behind[8:14].max() > 0.08


def test_lengths_are_kept_and_limits_too_however_wild_the_motion():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0, 0.05, (60, 3)), axis=0)
    _, limits, outward, nodes = swung(path, np.cumsum(rng.normal(0, 0.3, 60)), slack=0.02)
    assert np.isfinite(nodes).all()
    lengths = np.linalg.norm(np.diff(nodes, axis=1), axis=-1)[:, 1:] / DROP
    assert lengths.max() < 1 + 1e-6 and lengths.min() > SLACKEST - 1e-6
    behind = ((limits - nodes) * outward).sum(-1)
    assert behind[:, 2:].max() < 0.6 * DROP  # only where the chain is too short to reach its limit
    assert (behind > 1e-9).mean() < 0.2


def test_finer_frames_tell_the_same_story():
    def at(fps):
        time = np.arange(int(1.5 * fps) + 1) / fps
        path = np.stack([0.3 * np.sin(4 * time), 0 * time, 0 * time], 1)
        return swung(path, 0 * time, fps=float(fps))[3]

    coarse, fine = at(60), at(120)
    # The first frames differ by the pace that is read from them.
    assert np.abs(coarse - fine[::2]).max() < 0.02


def test_the_same_motion_gives_the_same_bytes():
    path = np.cumsum(np.random.default_rng(4).normal(0, 0.02, (20, 3)), axis=0)
    first, second = (swung(path, np.zeros(20))[3] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_a_bag_swings_as_one_about_where_it_is_held():
    rng = np.random.default_rng(1)
    bag = np.concatenate([[[0, 0, 0.0]], rng.uniform(-0.1, 0.1, (20, 3)) - (0, 0.3, 0)])
    shares = np.zeros((2, 21))
    shares[0, 0], shares[1] = 1, 1 / 21
    swing = strand_swing(
        shares,
        bag,
        ring=np.zeros(21, int),
        segment=np.ones(21, int),
        outward=(1.0, 0.0, 0.0),
        joint=0,
    )
    time = np.arange(40) / 30
    rest = bag + np.stack([0 * time, 0 * time, 0.2 * np.sin(5 * time)], 1)[:, None]
    nodes = swing.nodes(rest)
    outward = np.broadcast_to(swing.outward, nodes.shape)
    moved = swing.vertices(rest, swung_nodes(nodes, nodes, outward, swing, fps=30.0))
    np.testing.assert_allclose(moved[:, 0], rest[:, 0], atol=1e-9)

    def distances(points):
        return np.linalg.norm(points[..., :, None, :] - points[..., None, :, :], axis=-1)

    np.testing.assert_allclose(distances(moved), distances(rest), atol=1e-9)
    assert np.abs(moved - rest)[..., 2].max() > 0.03
    assert (swing.nodes(moved) - nodes)[:, 1, 0, 0].min() > -1e-6  # never into the body


@pytest.mark.parametrize("free", [np.zeros(ROWS, bool), np.arange(ROWS) == ROWS - 1])
def test_what_hardly_hangs_does_not_swing(free):
    assert sheet_swing(skirt(), free, True) is None


def test_a_node_without_a_chain_stays_within_its_reach():
    rest = np.zeros((30, 1, 2, 3))
    rest[5:, ..., 0] = 0.5
    swing = Swing(
        depth=np.array([[0.0, 0.1]]),
        length=np.full((1, 2), np.inf),
        reach=np.array([[0.0, 0.02]]),
    )
    outward = np.broadcast_to([0, 0, 1.0], rest.shape)
    nodes = swung_nodes(rest, rest - 0.1 * outward, outward, swing, fps=30.0)
    away = np.linalg.norm(nodes - rest, axis=-1)
    assert away[:, 0, 0].max() == 0 and 0.01 < away[:, 0, 1].max() < 0.02 + 1e-9
