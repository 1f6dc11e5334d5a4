"""A mesh that is no body: a box with its own UVs and parts, checked by rays against its planes."""

import cv2
import numpy as np
import pytest

from mocap.bodies.mesh import Mesh
from mocap.errors import BadInput
from textures.visibility.buffer import (
    VisibilityBuffer,
    depth,
    flow,
    flow_occlusion,
    interpolate,
    normals,
    parts,
    visibility,
)
from textures.visibility.camera import Camera, look_at
from textures.visibility.rendering_tensor import texel_map
from textures.visibility.shading import render_textured
from textures.visibility.uv_layout import (
    atlas,
    check_layout,
    mirrored_texels,
    sample_texture,
    texel_masks,
)

HALF = np.array([0.5, 0.4, 0.3])  # half the box's extents, metres
SIDES = [(axis, sign) for axis in range(3) for sign in (-1, 1)]  # part 1 is the side at -x, ...
CELL = np.array([1 / 3, 1 / 2])  # each side has one cell of a grid of 3 x 2, with a margin
MARGIN = 0.02


def side_axes(axis: int) -> tuple[int, int]:
    """The axes along which a side's u and v run."""
    return [k for k in range(3) if k != axis]


def uv_of_side(side: int, points: np.ndarray) -> np.ndarray:
    """UVs (..., 2) of points (..., 3) on a side, from the box's geometry alone."""
    axis, _ = SIDES[side]
    inside = np.stack([(points[..., k] / HALF[k] + 1) / 2 for k in side_axes(axis)], axis=-1)
    corner = np.array([side % 3, side // 3]) * CELL
    return corner + MARGIN + inside * (CELL - 2 * MARGIN)


@pytest.fixture(scope="module")
def box() -> Mesh:
    vertices, faces, uv, labels = [], [], [], []
    for side, (axis, sign) in enumerate(SIDES):
        first = len(vertices)
        p, q = side_axes(axis)
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            corner = np.zeros(3)
            corner[axis], corner[p], corner[q] = sign * HALF[axis], a * HALF[p], b * HALF[q]
            vertices.append(corner)
            uv.append(uv_of_side(side, corner))
        outward = sign * (1 if axis != 1 else -1)  # x cross z is -y
        for triangle in ((0, 1, 2), (0, 2, 3)):
            faces.append([first + k for k in (triangle if outward > 0 else triangle[::-1])])
        labels += [side + 1] * 2
    order = np.random.default_rng(1).permutation(len(uv))  # UVs are numbered unlike vertices
    places = np.argsort(order)
    faces, labels = np.array(faces, np.int32), np.array(labels, np.uint8)
    return Mesh(
        name="box",
        uv_layout="box-1",
        vertices=np.array(vertices, np.float32),
        faces=faces,
        uv=np.array(uv, np.float32)[order],
        uv_faces=places[faces].astype(np.int32),
        face_parts=labels,
        face_groups={"head": labels == 4},
    )


CAMERA = look_at((1.6, 1.1, 2.2), (0.05, 0, 0), focal=160, width=96, height=80, roll=0.1)


def hits(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """By slabs: which side (H,W) each pixel's ray enters the box by, -1: none; and where (H,W,3)."""
    rows, columns = np.mgrid[: camera.height, : camera.width]
    pixels = np.stack([columns + 0.5, rows + 0.5, np.ones(rows.shape)], axis=-1)
    rays = pixels @ np.linalg.inv(camera.intrinsics).T @ camera.rotation
    enter = (-np.sign(rays) * HALF - camera.position) / rays
    leave = (np.sign(rays) * HALF - camera.position) / rays
    axis, way = enter.argmax(-1), enter.max(-1)
    side = 2 * axis + (np.take_along_axis(rays, axis[..., None], -1)[..., 0] < 0)
    side[way > leave.min(-1)] = -1
    return side, camera.position + way[..., None] * rays


@pytest.fixture(scope="module")
def buffer(box) -> VisibilityBuffer:
    return visibility(box.vertices, box.faces, CAMERA)


def test_pixels_see_the_side_that_their_rays_enter_by(box, buffer):
    side, points = hits(CAMERA)
    assert len(set(side.ravel().tolist())) == 4  # three sides and the background
    assert np.array_equal(parts(buffer, box.face_parts), side + 1)
    covered = side >= 0
    positions = interpolate(buffer, box.faces, box.vertices)
    np.testing.assert_allclose(positions[covered], points[covered], atol=1e-5)
    z = depth(buffer, box.faces, box.vertices, CAMERA)
    np.testing.assert_allclose(z[covered], CAMERA.to_camera(points)[covered][:, 2], atol=1e-5)
    assert np.isinf(z[~covered]).all()
    outward = np.array([sign * np.eye(3)[axis] for axis, sign in SIDES])[side[covered]]
    ours = normals(buffer, box.faces, box.vertices, CAMERA)[covered]
    np.testing.assert_allclose(ours, outward @ CAMERA.rotation.T, atol=1e-5)


def test_texel_map_and_lookup_follow_the_layout(box, buffer):
    side, points = hits(CAMERA)
    uv = texel_map(buffer, box)
    # Bilinear lookup of a texture that is linear in x and y is exact, but for the border texels.
    size = 60
    i, j = np.mgrid[:size, :size]
    texture = np.stack([j + 0.5, size - (i + 0.5), i * 0 + 7.0], axis=-1).astype(np.float32)
    colours = sample_texture(texture, uv)
    for number in range(6):
        pixels = side == number
        expected = uv_of_side(number, points[pixels])
        np.testing.assert_allclose(uv[pixels], expected, atol=1e-5)
        np.testing.assert_allclose(colours[pixels][:, :2], expected * size, atol=1e-3)


def test_atlas_holds_each_sides_cell(box):
    size = 96
    texels = atlas(box, size)
    i, j = np.mgrid[:size, :size]
    u, v = (j + 0.5) / size, 1 - (i + 0.5) / size
    side = (v // CELL[1] * 3 + u // CELL[0]).astype(int)
    inside = np.stack([u % CELL[0], v % CELL[1]], axis=-1)
    covered = ((inside > MARGIN) & (inside < CELL - MARGIN)).all(-1)
    assert np.array_equal(texels.covered, covered)
    assert np.array_equal(parts(texels, box.face_parts), np.where(covered, side + 1, 0))
    positions = interpolate(texels, box.faces, box.vertices)
    for number in range(6):
        cell = covered & (side == number)
        expected = np.stack([u[cell], v[cell]], axis=-1)
        np.testing.assert_allclose(uv_of_side(number, positions[cell]), expected, atol=1e-6)
    masks = texel_masks(box, size)
    assert np.array_equal(masks.covered, covered)
    assert np.array_equal(masks.head, covered & (side == 3))
    assert not masks.hand.any()  # a box has no such group


def test_mirrored_texels_pair_left_and_right_sides(box):
    size = 96
    covered = atlas(box, size).covered
    positions = interpolate(atlas(box, size), box.faces, box.vertices).reshape(-1, 3)
    twins = mirrored_texels(box, size)
    assert np.array_equal(twins >= 0, covered)
    there = positions[twins[covered]]
    distance = np.linalg.norm(there - positions[covered.ravel()] * (-1, 1, 1), axis=1)
    assert distance.max() < 0.02  # metres; a texel is some 3 cm


def test_flow_of_a_moved_box_is_the_homography_of_each_side(box, buffer):
    side, points = hits(CAMERA)
    turn = cv2.Rodrigues(np.array([0.05, -0.3, 0.1]))[0]
    shift = np.array([0.03, -0.02, 0.1])
    after = look_at((1.5, 1.2, 2.3), (0, 0, 0), focal=150, width=96, height=80)
    moved = box.vertices.astype(np.float64) @ turn.T + shift
    covered = side >= 0
    world = points[covered] @ turn.T + shift
    seen = (world @ after.rotation.T + after.translation) @ after.intrinsics.T
    rows, columns = np.nonzero(covered)
    expected = seen[:, :2] / seen[:, 2:] - np.stack([columns + 0.5, rows + 0.5], axis=1)
    assert np.abs(expected).max() > 3
    np.testing.assert_allclose(flow(buffer, box.faces, moved, after)[covered], expected, atol=1e-3)
    # A convex box hides a point where its side looks away from the other camera.
    outward = np.array([sign * np.eye(3)[axis] for axis, sign in SIDES])[side[covered]] @ turn.T
    away = ((after.position - world) * outward).sum(-1) < 0
    edge = np.abs(np.sort(HALF - np.abs(points[covered]), axis=1)[:, 1]) < 0.03
    hidden = flow_occlusion(buffer, box.faces, moved, after)[covered]
    assert np.array_equal(hidden[~edge], away[~edge])


def test_a_box_turned_away_is_occluded(box, buffer):
    """Turned by half about y, every side but the top is hidden by the box itself."""
    side, _ = hits(CAMERA)
    moved = box.vertices * np.array([-1, 1, -1])
    hidden = flow_occlusion(buffer, box.faces, moved, CAMERA)
    top = side == SIDES.index((1, 1))
    assert not hidden[top].any()
    assert hidden[(side >= 0) & ~top].mean() > 0.98


def test_a_box_is_lit_as_lambert_says(box, buffer):
    side, _ = hits(CAMERA)
    ambient, sun = 0.4, np.array([0.1, 0.5, 0.3])
    coefficients = np.zeros(9)
    coefficients[0] = ambient / 0.886227
    background = np.full((80, 96, 3), 30, np.uint8)
    image, mask = render_textured(
        buffer,
        box,
        box.vertices,
        np.full((8, 8, 3), 255, np.uint8),
        position=CAMERA.position,
        coefficients=coefficients,
        sun=sun,
        background=background,
    )
    assert np.array_equal(mask, side >= 0) and (image[~mask] == 30).all()
    for number, (axis, sign) in enumerate(SIDES):
        linear = ambient + max(0.0, sign * sun[axis])
        value = 1.055 * linear ** (1 / 2.4) - 0.055
        assert (np.abs(image[side == number].astype(int) - round(255 * value)) <= 1).all()


def test_textures_of_bodies_are_refused_on_a_box(box):
    check_layout("box-1", box)
    with pytest.raises(BadInput, match=r"crop\.png: .*'anny-1', but body 'box' has 'box-1'"):
        check_layout("anny-1", box, "crop.png")
