"""Visibility against a ray-casting oracle, analytic surfaces and analytic motion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.textures.ray_casting import cast_rays
from textures.visibility.buffer import (
    VisibilityBuffer,
    depth,
    flow,
    flow_occlusion,
    interpolate,
    nearest_surface,
    normals,
    parts,
    pixel_centres,
    surface_depth,
    vertex_normals,
    visibility,
)
from textures.visibility.camera import Camera, intrinsic_matrix, look_at

WIDTH, HEIGHT = 24, 20


def grid_camera(width=WIDTH, height=HEIGHT, focal=20.0) -> Camera:
    return Camera(
        intrinsics=intrinsic_matrix(focal, (width / 2, height / 2)),
        rotation=np.eye(3),
        translation=np.zeros(3),
        width=width,
        height=height,
    )


@st.composite
def meshes(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vertices = rng.uniform((-3, -3, 2), (3, 3, 6), size=(draw(st.integers(3, 14)), 3))
    count = draw(st.integers(1, 12))
    faces = np.stack([rng.choice(len(vertices), 3, replace=False) for _ in range(count)])
    return vertices, faces.astype(np.int32)


@settings(max_examples=60, deadline=None)
@given(meshes())
def test_agrees_with_ray_casting(mesh):
    vertices, faces = mesh
    camera = grid_camera()
    buffer = visibility(vertices, faces, camera)
    centres = pixel_centres(HEIGHT, WIDTH).reshape(-1, 2)
    face, nearest, margin = cast_rays(vertices, faces, camera, centres)
    clear = margin > 1e-6  # neither on an edge nor between two touching surfaces
    seen = buffer.face.ravel()
    same = (seen == face) | (
        (seen >= 0) & (face >= 0) & (np.sort(faces[seen]) == np.sort(faces[face])).all(axis=1)
    )
    assert same[clear].all()
    measured = depth(buffer, faces, vertices, camera).ravel()
    np.testing.assert_allclose(measured[clear], nearest[clear], rtol=1e-4)
    covered = buffer.covered
    weights = buffer.barycentric[covered]
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)
    # The surface point projects back onto the pixel's centre.
    points = interpolate(buffer, faces, vertices)[covered]
    pixels, _ = camera.project(points)
    np.testing.assert_allclose(pixels, pixel_centres(HEIGHT, WIDTH)[covered], atol=2e-4)


@settings(max_examples=30, deadline=None)
@given(meshes(), st.integers(0, 2**32 - 1))
def test_depth_at_any_position_agrees_with_ray_casting(mesh, seed):
    vertices, faces = mesh
    camera = grid_camera()
    positions = np.random.default_rng(seed).uniform(-1, (WIDTH + 1, HEIGHT + 1), size=(80, 2))
    face, nearest, margin = cast_rays(vertices, faces, camera, positions)
    inside = ((positions >= 0) & (positions < (WIDTH, HEIGHT))).all(axis=1)
    met, measured = nearest_surface(vertices, faces, camera, positions)
    clear = margin > 1e-9
    np.testing.assert_allclose(measured[inside & clear], nearest[inside & clear], rtol=1e-6)
    assert np.isinf(measured[~inside]).all() and (met[~inside] == -1).all()
    assert np.array_equal(measured, surface_depth(vertices, faces, camera, positions))
    clear &= inside & (margin > 1e-6)
    same = met == face
    same |= (met >= 0) & (face >= 0) & (np.sort(faces[met]) == np.sort(faces[face])).all(axis=1)
    assert same[clear].all()


@settings(max_examples=40, deadline=None)
@given(meshes(), st.integers(0, 2**32 - 1))
def test_the_winding_of_a_face_changes_nothing_that_is_seen(mesh, seed):
    """A winding decides when a face is drawn, and must decide nothing else."""
    vertices, faces = mesh
    faces = np.unique(np.sort(faces), axis=0).astype(np.int32)
    turned = np.where(
        np.random.default_rng(seed).random((len(faces), 1)) < 0.5, faces, faces[:, ::-1]
    )
    expected = visibility(vertices, faces, grid_camera()).face
    assert np.array_equal(visibility(vertices, turned, grid_camera()).face, expected)


@pytest.mark.parametrize("first", [[0, 1, 2], [0, 2, 1]])
def test_of_two_surfaces_in_one_place_the_lower_number_is_seen(first):
    # All numbers are short binary fractions, so the depths agree to the last bit.
    vertices = np.array([[-1, -1, 2], [1, -1, 2], [-1, 1, 2]], float)
    faces = np.array([first, first[::-1]], np.int32)
    camera = Camera(
        intrinsics=intrinsic_matrix(8.0, (8, 8)),
        rotation=np.eye(3),
        translation=np.zeros(3),
        width=16,
        height=16,
    )
    assert set(np.unique(visibility(vertices, faces, camera).face)) == {-1, 0}
    assert set(np.unique(visibility(vertices, faces[::-1], camera).face)) == {-1, 0}
    met, _ = nearest_surface(vertices, faces, camera, np.array([[5.3, 6.1], [15.0, 15.0]]))
    assert met.tolist() == [0, -1]


def test_tiling_covers_every_pixel_once():
    """Top-left rule: pixel centres that fall exactly on shared edges and corners go to one face."""
    columns, rows = np.meshgrid(np.arange(9) + 0.5, np.arange(7) + 0.5)
    vertices = np.column_stack([columns.ravel(), rows.ravel(), np.full(63, 1.0)])
    index = np.arange(63).reshape(7, 9)
    quads = np.stack(
        [index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], axis=-1
    ).reshape(-1, 4)
    camera = Camera(
        intrinsics=intrinsic_matrix(1.0, (0, 0)),
        rotation=np.eye(3),
        translation=np.zeros(3),
        width=9,
        height=7,
    )
    rng = np.random.default_rng(1)
    for _ in range(5):
        order = rng.permutation(len(quads))
        total = np.zeros((7, 9), dtype=int)
        for quad in quads[order]:
            for triangle in ([0, 1, 2], [0, 2, 3]):
                chosen = np.roll(quad[triangle], rng.integers(3))[:: rng.choice([-1, 1])]
                total += visibility(vertices, chosen[None], camera).covered
        expected = np.zeros((7, 9), dtype=int)
        expected[:6, :8] = 1  # right and bottom borders of the sheet belong to the next tile
        np.testing.assert_array_equal(total, expected)


def sphere(radius=1.0, rings=60, segments=90):
    polar = np.linspace(0, np.pi, rings + 1)
    around = np.arange(segments) * 2 * np.pi / segments
    inner = np.stack(
        [
            np.outer(np.sin(polar[1:-1]), np.cos(around)),
            np.broadcast_to(np.cos(polar[1:-1])[:, None], (rings - 1, segments)),
            np.outer(np.sin(polar[1:-1]), np.sin(around)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    vertices = np.vstack([inner, [[0, 1, 0], [0, -1, 0]]]) * radius
    top, bottom = len(inner), len(inner) + 1
    faces = []
    for s in range(segments):
        t = (s + 1) % segments
        faces.append([top, t, s])
        last = (rings - 2) * segments
        faces.append([bottom, last + s, last + t])
        for r in range(rings - 2):
            a, b = r * segments + s, r * segments + t
            faces += [[a, b, b + segments], [a, b + segments, a + segments]]
    return vertices, np.array(faces, dtype=np.int32)


def rotation(axis, angle):
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) - np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def test_sphere_has_its_analytic_depth_and_normals():
    vertices, faces = sphere()
    camera = look_at((2, 1.5, 4), (0, 0.1, 0), focal=120, width=80, height=60)
    buffer = visibility(vertices, faces, camera)
    rays = (
        np.concatenate([pixel_centres(60, 80), np.ones((60, 80, 1))], axis=-1)
        @ np.linalg.inv(camera.intrinsics).T
    )
    centre = camera.to_camera(np.zeros(3))
    a, b, c = (rays**2).sum(-1), rays @ centre, centre @ centre - 1
    discriminant = b**2 - a * c
    expected = (b - np.sqrt(np.maximum(discriminant, 0))) / a
    middle = discriminant > 0.3
    measured = depth(buffer, faces, vertices, camera)
    assert buffer.covered[middle].all()
    np.testing.assert_allclose(measured[middle], expected[middle], atol=4e-3)
    assert np.isinf(measured[discriminant < -0.1]).all()
    expected_normals = rays * expected[..., None] - centre
    measured_normals = normals(buffer, faces, vertices, camera)
    np.testing.assert_allclose(measured_normals[middle], expected_normals[middle], atol=0.01)
    # Turned inside out, the shown normals are the same: they face the camera.
    inside_out = normals(
        visibility(vertices, faces[:, ::-1], camera), faces[:, ::-1], vertices, camera
    )
    np.testing.assert_allclose(inside_out[middle], measured_normals[middle], atol=1e-4)


def test_vertex_normals_weigh_corners_by_angle():
    # A cube's corner: one quad is cut in two triangles, its normal must not count twice.
    vertices = np.array(
        [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, -1], [1, 0, -1], [0, 1, -1]]
    )
    faces = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 6], [0, 6, 4], [0, 4, 5], [0, 5, 1]])
    normal = vertex_normals(vertices.astype(float), faces)[0]
    np.testing.assert_allclose(np.abs(normal), np.full(3, 3**-0.5), atol=1e-12)
    np.testing.assert_array_equal(np.sign(normal), (-1, -1, 1))


def test_flow_of_a_rigid_motion_and_a_moving_camera():
    vertices, faces = sphere()
    first = look_at((0, 0.5, 6), (0, 0, 0), focal=200, width=96, height=96)
    second = look_at((0.3, 0.4, 6.2), (0.05, 0, 0), focal=205, width=96, height=96)
    turn, shift = rotation((0.2, 1, 0.1), 0.1), np.array([0.12, -0.05, 0.2])
    moved = vertices @ turn.T + shift
    buffer = visibility(vertices, faces, first)
    covered = buffer.covered
    forward = flow(buffer, faces, moved, second)
    # Oracle: lift by depth, move rigidly, project.
    z = depth(buffer, faces, vertices, first).astype(float)
    homogeneous = np.concatenate([pixel_centres(96, 96), np.ones((96, 96, 1))], axis=-1)[covered]
    camera_points = homogeneous @ np.linalg.inv(first.intrinsics).T * z[covered][:, None]
    world = (camera_points - first.translation) @ first.rotation
    target, _ = second.project(world @ turn.T + shift)
    np.testing.assert_allclose(forward[covered], target - pixel_centres(96, 96)[covered], atol=2e-3)
    assert (forward[~covered] == 0).all()
    # Known sign: moved to the right and down in the image is (+, +).
    right_down = flow(buffer, faces, vertices + np.array([0.1, -0.1, 0]), first)
    assert (right_down[covered] > 0).all()
    # Cycle: follow the forward flow, then the backward flow at the place reached.
    back = visibility(moved, faces, second)
    backward = flow(back, faces, vertices, first)
    reached = pixel_centres(96, 96) + forward
    rows, columns = reached[..., 1].astype(int), reached[..., 0].astype(int)
    visible = covered & ~flow_occlusion(buffer, faces, moved, second)
    middle = visible & (z < 5.3)
    cycle = forward[middle] + backward[rows[middle], columns[middle]]
    assert np.abs(cycle).max() < 0.2
    assert visible.sum() > 0.8 * covered.sum()


def test_flow_occlusion_finds_what_a_passing_plate_hides():
    plate = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], float)
    wall = 3 * plate - (0, 0, 1)
    vertices = np.vstack([plate, wall])
    faces = np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6], [4, 6, 7]], dtype=np.int32)
    camera = look_at((0, 0, 5), (0, 0, 0), focal=30, width=40, height=40)
    moved = vertices.copy()
    moved[:4, 0] += 1.0
    buffer = visibility(vertices, faces, camera)
    hidden = flow_occlusion(buffer, faces, moved, camera)
    expected = buffer.covered & (buffer.face >= 2) & (visibility(moved, faces, camera).face < 2)
    np.testing.assert_array_equal(hidden, expected)  # the wall stands still: sampled where it was
    assert hidden.sum() > 30
    # What leaves the image is hidden too.
    moved[:4, 0] += 10
    assert flow_occlusion(buffer, faces, moved, camera)[buffer.covered & (buffer.face < 2)].all()


def test_interpolation_is_perspective_correct():
    # A floor seen at a slant: interpolated world x and z must satisfy the floor's projection.
    vertices = np.array([[-5, 0, 2], [5, 0, 2], [5, 0, 30], [-5, 0, 30]], float)
    faces = np.array([[0, 1, 2], [0, 2, 3]], dtype=np.int32)
    camera = look_at((0, 1.5, 0), (0, 1.0, 5), focal=40, width=48, height=32)
    buffer = visibility(vertices, faces, camera)
    points = interpolate(buffer, faces, vertices)[buffer.covered]
    pixels, _ = camera.project(points)
    np.testing.assert_allclose(pixels, pixel_centres(32, 48)[buffer.covered], atol=1e-3)
    assert interpolate(buffer, faces, np.arange(4)).shape == (32, 48)


def test_parts_and_background():
    buffer = VisibilityBuffer(np.array([[-1, 0], [1, 1]], np.int32), np.full((2, 2, 3), 1 / 3))
    labels = parts(buffer, np.array([7, 24], np.uint8))
    np.testing.assert_array_equal(labels, [[0, 7], [24, 24]])


def test_faces_at_the_camera_are_dropped():
    vertices = np.array([[0, 0, -1.0], [1, 0, 3], [0, 1, 3], [-1, -1, 3]])
    faces = np.array([[0, 1, 2], [1, 2, 3]], dtype=np.int32)
    buffer = visibility(vertices, faces, grid_camera())
    assert set(np.unique(buffer.face)) == {-1, 1}


@pytest.mark.parametrize("size", [(64, 128), (320, 240)])
def test_body_seen_from_the_front_has_its_left_hand_on_the_right(body, size):
    width, height = size
    camera = look_at((0, 0, 6), (0, 0, 0), focal=height * 2.0, width=width, height=height)
    vertices = body.template - body.template.mean(axis=0)
    buffer = visibility(vertices, body.faces, camera)
    labels = parts(buffer, body.face_parts)
    centres = pixel_centres(height, width)
    if (labels == 18).any() and (labels == 17).any():
        assert centres[labels == 17][:, 0].mean() > centres[labels == 18][:, 0].mean()
    assert centres[labels == 16][:, 1].mean() < centres[labels == 8][:, 1].mean()
