"""SMPL, SMPL-H and SMPL-X brought to the one body format, from the user's own files.

SMPL-H (Romero et al., 2017) and SMPL-X (Pavlakos et al., 2019) add fingers, jaw, eyes and expressions
to SMPL's first 22 joints. A `Body` has SMPL's 24: the fingers' skinning weights go to the two hand
joints (which sit where the middle fingers begin), those of jaw and eyes to the head. With straight
fingers and a shut mouth nothing is lost: the vertices equal the full model's. What is left out is said
in the body's `notes`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body, head_and_hands, parts_of_faces
from mocap.bodies.mesh import Mesh
from mocap.bodies.smpl_files import BETAS, BODY_JOINTS, HIERARCHIES, SmplFile, read_smpl_file
from mocap.errors import BadInput

SMPL_UV_LAYOUT = "smpl"  # SMPL-H has SMPL's mesh, and so its UVs
UV_LAYOUTS = {"SMPL": SMPL_UV_LAYOUT, "SMPL-H": SMPL_UV_LAYOUT, "SMPL-X": "smplx"}
NO_UV_LAYOUT = "none"
_FINGERS = 15
_MIDDLE = 3  # a hand's fourth joint begins the middle finger
_MAX_CORNERS = 8
_HEIGHTS = (0.4, 2.6)  # metres, of an infant and of the tallest
_UNITS = {"centimetres": 0.01, "millimetres": 0.001}


@dataclass(frozen=True)
class UvMesh:
    """UVs of an .obj.

    Attributes:
        path: of the .obj.
        uv: (T, 2) float32.
        polygons: for each its corners (vertex, uv), counted from 0.
    """

    path: Path
    uv: np.ndarray
    polygons: tuple[tuple[tuple[int, int], ...], ...]


def read_uv(path: str | Path) -> UvMesh:
    """UVs of a Wavefront .obj. Raises BadInput with file and line."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"{path}: no such .obj; give the UV map that is published beside the model.")
    uv: list[list[float]] = []
    polygons: list[tuple[tuple[int, int], ...]] = []
    vertices = 0
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
        words = line.split()
        try:
            if words[:1] == ["v"]:
                vertices += 1
            elif words[:1] == ["vt"]:
                uv.append([float(words[1]), float(words[2])])
            elif words[:1] == ["f"]:
                pairs = [word.split("/")[:2] for word in words[1:]]
                corners = tuple(
                    (_vertex_index(v, vertices), _vertex_index(t, len(uv))) for v, t in pairs
                )
                if not 3 <= len(corners) <= _MAX_CORNERS:
                    raise ValueError(f"{len(corners)} corners")
                polygons.append(corners)
        except (ValueError, IndexError) as error:
            raise BadInput(
                f"{path}:{number}: {line.strip()[:80]!r} is not 'vt u v' or 'f v/vt v/vt v/vt'."
            ) from error
    if not uv or not polygons:
        raise BadInput(f"{path}: no texture coordinates; expected an .obj with vt and f lines.")
    coordinates = np.array(uv, np.float32)
    if not np.isfinite(coordinates).all():
        raise BadInput(f"{path}: a vt line holds a number that is not finite.")
    if max(t for corners in polygons for _, t in corners) >= len(uv):
        raise BadInput(f"{path}: a face points beyond the {len(uv)} vt lines.")
    return UvMesh(path, coordinates, tuple(polygons))


def _vertex_index(word: str, count: int) -> int:
    """Index from 0 of an .obj's number: from 1, or negative from the last one so far."""
    number = int(word)
    index = number - 1 if number > 0 else count + number
    if number == 0 or index < 0:
        raise ValueError(word)
    return index


def uv_of_faces(mesh: UvMesh, faces: np.ndarray, model: str | Path) -> np.ndarray:
    """UV indices of a model's own triangles, which are cut from the .obj's polygons.

    Args:
        mesh: the .obj.
        faces: (F, 3) the model's triangles.
        model: names the model in the message.

    Returns:
        uv_faces (F, 3) int32.

    Raises:
        BadInput: where a triangle lies in no polygon: then the .obj is of another mesh.
    """
    polygon_corners = {
        frozenset(vertex for vertex, _ in three): dict(three)
        for corners in mesh.polygons
        for three in combinations(corners, 3)
    }
    result = np.empty(faces.shape, np.int32)
    for number, face in enumerate(faces.tolist()):
        corner_uvs = polygon_corners.get(frozenset(face))
        if corner_uvs is None:
            raise BadInput(
                f"{mesh.path}: another mesh than {model}, whose face {number} {tuple(face)} it does "
                "not have; give the UV .obj of the same model."
            )
        result[number] = [corner_uvs[vertex] for vertex in face]
    return result


def _release_digest(model: SmplFile) -> str:
    """Twelve digits that tell the numbers of one release from another's, in whichever kind of file."""
    digest = hashlib.sha256()
    for array in (model.template, model.shape_directions[:, :, :BETAS], model.weights, model.faces):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]


def load_smpl_body(path: str | Path, *, uv: str | Path | None = None) -> Body:
    """SMPL, SMPL-H or SMPL-X from the user's model file, with UVs from the .obj published beside it.

    Args:
        path: the model file.
        uv: the .obj; without it the file's own UVs are taken (SMPL-X has some), else the body has none
            and its layout is "none", which no texture fits.

    Raises:
        BadInput: where a file is missing or unreadable, where the two have different meshes, and where
            the model is not in metres or does not stand along +y, as the poses that it is given do.
    """
    model = read_smpl_file(path)
    _refuse_other_units(model)
    notes = []
    if uv is not None:
        mesh = read_uv(uv)
        coordinates, uv_faces = mesh.uv, uv_of_faces(mesh, model.faces, path)
        layout = UV_LAYOUTS[model.kind]
    elif model.uv is not None and model.uv_faces is not None:
        coordinates, uv_faces, layout = model.uv, model.uv_faces, UV_LAYOUTS[model.kind]
        notes.append("UVs are the model file's own")
    else:
        coordinates, uv_faces = np.zeros((1, 2), np.float32), np.zeros_like(model.faces)
        layout = NO_UV_LAYOUT
        notes.append("no UVs: give the model's .obj to use textures on it")
    weights, regressor, corrections = _merge_joints(model)
    face_parts = parts_of_faces(model.faces, weights)
    return Body(
        mesh=Mesh(
            name=f"{model.kind.replace('-', '').lower()}:{model.path.stem}",
            uv_layout=layout,
            vertices=model.template,
            faces=model.faces,
            uv=coordinates,
            uv_faces=uv_faces,
            face_parts=face_parts,
            face_groups=head_and_hands(face_parts),
        ),
        build=_release_digest(model),
        shape_directions=np.ascontiguousarray(model.shape_directions[:, :, :BETAS]),
        joint_regressor=regressor,
        weights=weights,
        pose_directions=corrections,
        notes=(*_omissions(model), *notes),
    )


def _refuse_other_units(model: SmplFile) -> None:
    joints = model.joint_regressor @ model.template
    trunk = joints[JOINT_NAMES.index("head")] - joints[0]
    axis = int(np.abs(trunk).argmax())
    if axis != 1 or trunk[1] <= 0:
        direction = ("-" if trunk[axis] < 0 else "") + "xyz"[axis]
        raise BadInput(
            f"{model.path}: the body stands along {direction}, expected +y, which SMPL's poses are "
            "counted from; take the model as it is published, y up"
        )
    height = float(np.ptp(model.template[:, 1]))
    if not _HEIGHTS[0] <= height <= _HEIGHTS[1]:
        fitting = [u for u, f in _UNITS.items() if _HEIGHTS[0] <= f * height <= _HEIGHTS[1]]
        unit = f"as if in {fitting[0]}, " if fitting else ""
        factor = f"{_UNITS[fitting[0]]:g}" if fitting else "what makes them metres"
        raise BadInput(
            f"{model.path}: the body is {height:.4g} tall, {unit}expected metres ({_HEIGHTS[0]} to "
            f"{_HEIGHTS[1]}); multiply v_template, shapedirs and posedirs by {factor}"
        )


def _merge_joints(model: SmplFile) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (V, 24), joint regressor (24, V), pose directions (V, 3, 207) of a model's own."""
    joints = len(HIERARCHIES[model.kind])
    if joints == len(JOINT_NAMES):
        return model.weights, model.joint_regressor, model.pose_directions
    hands = (joints - 2 * _FINGERS, joints - _FINGERS)
    merged = list(range(joints))
    merged[BODY_JOINTS : hands[0]] = [JOINT_NAMES.index("head")] * (hands[0] - BODY_JOINTS)
    for first, name in zip(hands, ("left_hand", "right_hand")):
        merged[first : first + _FINGERS] = [JOINT_NAMES.index(name)] * _FINGERS
    weights = np.zeros((len(model.template), len(JOINT_NAMES)), np.float32)
    for joint, target in enumerate(merged):
        weights[:, target] += model.weights[:, joint]
    regressed = [*range(BODY_JOINTS), *(first + _MIDDLE for first in hands)]
    # Fingers, jaw and eyes correct nothing here: a hand that turns as one is no pose those know.
    corrections = np.zeros((len(model.template), 3, 9 * (len(JOINT_NAMES) - 1)), np.float32)
    columns = 9 * (BODY_JOINTS - 1)
    corrections[:, :, :columns] = model.pose_directions[:, :, :columns]
    return weights, np.ascontiguousarray(model.joint_regressor[regressed]), corrections


def _omissions(model: SmplFile) -> tuple[str, ...]:
    """What of the file the body does not hold."""
    notes = []
    directions = model.shape_directions.shape[2]
    if directions > BETAS:
        kind = "shape and expression" if model.kind == "SMPL-X" else "shape"
        notes.append(f"the first {BETAS} of {directions} {kind} directions are kept")
    if model.kind != "SMPL":
        notes.append("30 finger joints are merged into left_hand and right_hand, fingers straight")
        notes.append("the fingers' pose corrections are left out")
    if model.kind == "SMPL-X":
        notes.append("jaw and eyes are merged into the head, their pose corrections left out")
    return tuple(notes)
