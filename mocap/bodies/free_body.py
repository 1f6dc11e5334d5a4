"""The free body: Anny (Apache-2.0 code, CC0 data) brought into SMPL's format.

Anny's 163 bones are merged into SMPL's 24 joints, its rest pose is turned into the T-pose, and its
phenotype space is reduced to 10 directions by principal components over its own adult population:
of women, of men, or of both (the neutral body). All three share faces, UVs, weights and parts, so a
texture fits each of them. Nothing is registered and nothing licensed is read. Built once in about a
minute each, then cached.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, PARENTS, Body, head_and_hands, parts_of_faces
from mocap.bodies.mesh import HAND, HEAD, Mesh
from mocap.errors import BadInput
from mocap.files import atomic_write, cache_folder

if TYPE_CHECKING:
    import torch

UV_LAYOUT = "anny-1"
BUILD = 3  # Raised whenever the numbers below change, so that old caches are not read.

# Which Anny bone's head is the joint. Left side; the right side is mirrored by name.
_JOINT_BONES = {
    "pelvis": "spine05",
    "left_hip": "upperleg01.L",
    "spine1": "spine04",
    "left_knee": "lowerleg01.L",
    "spine2": "spine03",
    "left_ankle": "foot.L",
    "spine3": "spine02",
    "left_foot": "toe2-1.L",
    "neck": "neck01",
    "left_collar": "clavicle.L",
    "head": "head",
    "left_shoulder": "upperarm01.L",
    "left_elbow": "lowerarm01.L",
    "left_wrist": "wrist.L",
    "left_hand": "finger3-1.L",
}

# Which joint an Anny bone belongs to, by the start of its name; the rest of the face follows the head.
_BONE_JOINTS = (
    (("root", "pelvis", "spine05"), "pelvis"),
    (("upperleg",), "hip"),
    (("lowerleg",), "knee"),
    (("foot",), "ankle"),
    (("toe",), "foot"),
    (("spine04",), "spine1"),
    (("spine03",), "spine2"),
    (("spine02", "spine01", "breast"), "spine3"),
    (("clavicle", "shoulder01"), "collar"),
    (("upperarm",), "shoulder"),
    (("lowerarm",), "elbow"),
    (("wrist", "metacarpal"), "wrist"),
    (("finger",), "hand"),
    (("neck",), "neck"),
)

# Directions of the T-pose's limbs from joint to child joint (left side; x is mirrored on the right).
# Arms along x; thighs and shins as SMPL's mean template stands.
_LIMB_DIRECTIONS = {
    ("shoulder", "elbow"): (1.0, 0.0, 0.0),
    ("elbow", "wrist"): (1.0, 0.0, 0.0),
    ("wrist", "hand"): (1.0, 0.0, 0.0),
    ("hip", "knee"): (0.092, -0.995, -0.012),
    ("knee", "ankle"): (-0.035, -0.993, -0.109),
}

_SMPL_PELVIS = (
    0.0,
    -0.223,
    0.028,
)  # Where SMPL's template has it, so that AMASS heights carry over.
_POPULATION = 640
_AGES = (18.0, 75.0)
# Where on Anny's scale from man (0) to woman (1) a sex is drawn; one half belongs to the men.
_SEXES = {"neutral": (0.0, 1.0), "female": (0.501, 1.0), "male": (0.0, 0.5)}
GENDERS = tuple(_SEXES)
_CACHED = (
    *("template", "shape_directions", "joint_regressor", "weights", "faces", "uv", "uv_faces"),
    *("face_parts", "head_faces", "hand_faces"),
)
"""Arrays of the cached .npz, by the names that a `Body` has for them."""


class AnnyModel(Protocol):
    """What is used of the Anny package's model."""

    dtype: torch.dtype
    bone_labels: Sequence[str]
    template_vertices: torch.Tensor
    template_bone_heads: torch.Tensor
    bone_heads_blendshapes: torch.Tensor
    vertex_bone_indices: torch.Tensor
    vertex_bone_weights: torch.Tensor
    faces: torch.Tensor
    texture_coordinates: torch.Tensor
    face_texture_coordinate_indices: torch.Tensor

    def get_phenotype_blendshape_coefficients(self, **phenotypes: torch.Tensor) -> torch.Tensor:
        """Coefficients (N, K) of the blend shapes of N people."""

    def get_rest_vertices(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Vertices (N, V, 3) in Anny's rest pose."""


def load_free_body(cache: Path | None = None, *, gender: str = "neutral") -> Body:
    """Read the free body from the cache, building it first where it is not there yet.

    Args:
        cache: folder of the cached body, `cache_folder()` by default.
        gender: "neutral", "female" or "male".

    Raises:
        BadInput: for any other gender.
    """
    if gender not in GENDERS:
        raise BadInput(f"no free body of gender {gender!r}; choose one of {', '.join(GENDERS)}")
    path = (cache or cache_folder()) / f"free_body-{_gender_prefix(gender)}{BUILD}.npz"
    stored = _cached_arrays(path)
    if stored is None:
        print(
            f"building the {gender} free body, once; it takes about a minute and is kept in {path}",
            file=sys.stderr,
            flush=True,
        )
        body = build_free_body(gender)
        content = io.BytesIO()  # numpy's own writer complains at length about a full disk
        np.savez(content, **{name: getattr(body, name) for name in _CACHED})
        with atomic_write(path) as temporary:
            temporary.write_bytes(content.getbuffer())
        return body
    return Body(
        mesh=Mesh(
            name=_body_name(gender),
            uv_layout=UV_LAYOUT,
            vertices=stored["template"],
            faces=stored["faces"],
            uv=stored["uv"],
            uv_faces=stored["uv_faces"],
            face_parts=stored["face_parts"],
            face_groups={HEAD: stored["head_faces"], HAND: stored["hand_faces"]},
        ),
        build=str(BUILD),
        shape_directions=stored["shape_directions"],
        joint_regressor=stored["joint_regressor"],
        weights=stored["weights"],
    )


def _cached_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of a cached body; None where there is none, or a torn one, which is said."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in _CACHED}
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        print(f"{path}: torn ({error}); the body is built again", file=sys.stderr)
        return None


def _gender_prefix(gender: str) -> str:
    return "" if gender == "neutral" else f"{gender}-"


def _body_name(gender: str) -> str:
    return "free" if gender == "neutral" else f"free-{gender}"


def joint_of_bone(bone: str) -> int:
    """SMPL joint index that an Anny bone is merged into."""
    side = {"L": "left_", "R": "right_"}.get(bone.rpartition(".")[2], "")
    for prefixes, joint in _BONE_JOINTS:
        if bone.startswith(prefixes):
            name = joint if joint in JOINT_NAMES else side + joint
            return JOINT_NAMES.index(name)
    return JOINT_NAMES.index("head")


def bone_of_joint(joint: str) -> str:
    """Anny bone whose head is the SMPL joint."""
    if joint.startswith("right_"):
        return _JOINT_BONES[joint.replace("right_", "left_")].replace(".L", ".R")
    return _JOINT_BONES[joint]


def _smpl_axes(points: np.ndarray) -> np.ndarray:
    """Anny stands in z-up looking at -y; SMPL in y-up looking at +z. (..., 3) -> (..., 3)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


def shortest_rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Smallest rotation that takes each direction to the other. (N, 3), (3,) -> (N, 3, 3)."""
    source = source / np.linalg.norm(source, axis=-1, keepdims=True)
    target = np.broadcast_to(target / np.linalg.norm(target), source.shape)
    axis = np.cross(source, target)
    cosine = (source * target).sum(-1)[:, None, None]
    cross = np.zeros((len(source), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross[:, 1, 0], cross[:, 2, 0], cross[:, 2, 1] = axis[:, 2], -axis[:, 1], axis[:, 0]
    return np.eye(3) + cross + cross @ cross / (1 + cosine)


def _rotation_about_x(angle: np.ndarray) -> np.ndarray:
    rotation = np.zeros((len(angle), 3, 3))
    rotation[:, 0, 0] = 1
    rotation[:, 1, 1] = rotation[:, 2, 2] = np.cos(angle)
    rotation[:, 2, 1] = np.sin(angle)
    rotation[:, 1, 2] = -np.sin(angle)
    return rotation


def _t_pose_rotations(heads: np.ndarray, palms: np.ndarray) -> np.ndarray:
    """Global rotation of each joint from Anny's rest pose into the T-pose.

    heads (N, 24, 3) rest joints; palms (N, 2, 3) unit normals out of the left and right palm.
    Returns (N, 24, 3, 3). Feet keep their rest orientation: Anny stands with flat soles.
    """
    rotations = np.broadcast_to(np.eye(3), (len(heads), 24, 3, 3)).copy()
    for side, (prefix, mirror) in enumerate((("left_", 1.0), ("right_", -1.0))):
        index = {j: JOINT_NAMES.index(prefix + j) for pair in _LIMB_DIRECTIONS for j in pair}
        for (start, end), direction in _LIMB_DIRECTIONS.items():
            bone = heads[:, index[end]] - heads[:, index[start]]
            target = np.array(direction) * (mirror, 1, 1)
            rotations[:, index[start]] = shortest_rotation(bone, target)
        # The palm turns down about the arm, the forearm carrying half so that the wrist is not wrung.
        palm = np.einsum("nij,nj->ni", rotations[:, index["wrist"]], palms[:, side])
        twist = np.arctan2(-palm[:, 2], -palm[:, 1])
        twist = np.arctan2(np.sin(-twist), np.cos(-twist))
        for joint, share in (("elbow", 0.5), ("wrist", 1.0)):
            rotation = _rotation_about_x(-share * twist)
            rotations[:, index[joint]] = rotation @ rotations[:, index[joint]]
        rotations[:, index["hand"]] = rotations[:, index["wrist"]]
    return rotations


def _t_posed(
    vertices: np.ndarray, heads: np.ndarray, rotations: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Blend-skin rest vertices (N, V, 3) and joints (N, 24, 3) into the T-pose."""
    joints = heads.copy()
    for joint in range(1, 24):
        parent = PARENTS[joint]
        offset = heads[:, joint] - heads[:, parent]
        joints[:, joint] = joints[:, parent] + np.einsum("nij,nj->ni", rotations[:, parent], offset)
    offsets = joints - np.einsum("njab,njb->nja", rotations, heads)
    posed = np.empty_like(vertices)
    for n in range(len(vertices)):
        blend = np.tensordot(weights, rotations[n], (1, 0))
        posed[n] = np.einsum("vab,vb->va", blend, vertices[n]) + weights @ offsets[n]
    return posed, joints


def _joint_regressor(vertices: np.ndarray, joints: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Sparse affine weights over nearby vertices that reproduce every joint of the population.

    vertices (N, V, 3), joints (N, 24, 3) T-posed. The joints move with the shape exactly as Anny's
    bones do: of all weights that reproduce them, those nearest to an even ring are taken.
    """
    regressor = np.zeros((24, vertices.shape[1]))
    mean_vertices, mean_joints = vertices.mean(0), joints.mean(0)
    for joint in range(24):
        distance = np.linalg.norm(mean_vertices - mean_joints[joint], axis=1)
        nearest = np.argsort(distance)[:120]
        uniform = np.full(len(nearest), 1 / len(nearest))
        equations = vertices[:, nearest].transpose(0, 2, 1).reshape(-1, len(nearest))
        targets = joints[:, joint].reshape(-1)
        equations = np.vstack([equations, np.full((1, len(nearest)), 1e3)])
        targets = np.append(targets, 1e3)
        gram = equations.T @ equations + 1e-4 * np.eye(len(nearest))
        regressor[joint, nearest] = uniform + np.linalg.solve(
            gram, equations.T @ (targets - equations @ uniform)
        )
        regressor[joint] /= regressor[joint].sum()
    return regressor


def _principal_shapes(vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (V, 3) and 10 directions (V, 3, 10), one standard deviation each, signs fixed.

    A positive first beta is a taller body; each further sign makes the body's volume-weighted third
    moment positive, so that the same build gives the same signs everywhere.
    """
    mean = vertices.mean(0)
    centred = (vertices - mean).reshape(len(vertices), -1)
    _, values, components = np.linalg.svd(centred, full_matrices=False)
    directions = components[:10] * (values[:10, None] / np.sqrt(len(vertices) - 1))
    signs = np.sign((directions**3).sum(1))
    height = directions[0].reshape(-1, 3)[mean[:, 1].argmax(), 1]
    signs[0] = np.sign(height)
    return mean, (directions * signs[:, None]).reshape(10, -1, 3).transpose(1, 2, 0)


def sample_adults(
    model: AnnyModel, count: int, *, gender: str = "neutral", seed: int = 20190616
) -> dict[str, torch.Tensor]:
    """Anny's phenotypes (each (count,) float tensor) of adults of its own shape distribution."""
    import torch
    from anny.shape_distribution import SimpleShapeDistribution

    def uniform(low: float, high: float) -> torch.distributions.Uniform:
        return torch.distributions.Uniform(
            torch.tensor(low, dtype=model.dtype), torch.tensor(high, dtype=model.dtype)
        )

    distribution = SimpleShapeDistribution(
        model,
        morphological_age_distribution=uniform(*_AGES),
        gender_distribution=uniform(*_SEXES[gender]),
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        _, phenotypes = distribution.sample(count)
    # The package draws sex evenly between the extremes; people cluster near the two ends.
    sex = phenotypes["gender"]
    phenotypes["gender"] = torch.where(sex <= 0.5, sex * 0.3, 1 - (1 - sex) * 0.3)
    return phenotypes


def _rest_shapes(
    model: AnnyModel, phenotypes: dict[str, torch.Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest vertices (N, V, 3), joints (N, 24, 3), palm normals (N, 2, 3) of phenotypes, y up."""
    import torch
    from anny.skinning import skinning

    with torch.no_grad():
        coefficients = model.get_phenotype_blendshape_coefficients(**phenotypes)
        vertices = model.get_rest_vertices(coefficients).numpy()
        heads = skinning.apply_linear_blendshape(
            model.template_bone_heads, model.bone_heads_blendshapes, coefficients
        ).numpy()
    heads = _smpl_axes(heads)
    bone = {label: heads[:, n] for n, label in enumerate(model.bone_labels)}
    joints = np.stack([bone[bone_of_joint(name)] for name in JOINT_NAMES], axis=1)
    palms = []
    for side, sign in (("L", 1.0), ("R", -1.0)):
        middle_finger = bone[f"finger3-1.{side}"] - bone[f"wrist.{side}"]
        knuckles = bone[f"finger2-1.{side}"] - bone[f"finger5-1.{side}"]
        normal = sign * np.cross(middle_finger, knuckles)
        palms.append(normal / np.linalg.norm(normal, axis=-1, keepdims=True))
    return _smpl_axes(vertices), joints, np.stack(palms, axis=1)


@contextmanager
def _native_output_hidden() -> Iterator[None]:
    """Hide what a library's machine code prints, for which it has no switch."""
    sys.stdout.flush()
    sys.stderr.flush()
    originals = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        for number, descriptor in zip((1, 2), originals, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.close(nowhere)


def anny_model() -> AnnyModel:
    """The installed Anny model that the free body is made of (its first use takes about a minute)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import warp

        warp.config.log_level = warp.LOG_ERROR  # else it prints a page about CUDA
        with _native_output_hidden():
            warp.init()  # prints that there is no CUDA driver, past Python's streams
        from anny import Anny

        return Anny(rig="makehuman", topology="anny-notongue", phenotype_blendshapes="original")


def merged_weights(model: AnnyModel) -> np.ndarray:
    """Anny's skinning weights with its bones merged into SMPL's joints, (V, 24) float64."""
    joint_of = np.array([joint_of_bone(label) for label in model.bone_labels])
    bones = model.vertex_bone_indices.numpy()
    weights = np.zeros((len(bones), 24))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, joint_of[bones]), model.vertex_bone_weights.numpy())
    return weights / weights.sum(1, keepdims=True)


def t_pose_of(
    model: AnnyModel, phenotypes: dict[str, torch.Tensor]
) -> tuple[np.ndarray, np.ndarray]:
    """Rest joints of phenotypes, and what takes Anny's rest pose into the free body's T-pose.

    Returns:
        Joints (N, 24, 3) and each joint's global rotation (N, 24, 3, 3). World axes: y up.
    """
    _, heads, palms = _rest_shapes(model, phenotypes)
    return heads, _t_pose_rotations(heads, palms)


def stable_diagonals(
    vertices: np.ndarray, faces: np.ndarray, uv_faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (F, 3) and their UV indices with the same diagonals on every machine.

    Anny splits each quad along its shorter diagonal, into two triangles that follow each other. Those of
    the eyes are so even that the last bit decides, which differs among processors: where the diagonals
    are the same but for rounding, b-d is taken of a quad a-b-c-d.
    """
    faces, uv_faces = faces.copy(), uv_faces.copy()
    first, second = faces[:-1], faces[1:]
    # Split along a-c: (a, b, c), (c, d, a).
    split_ac = (second[:, 0] == first[:, 2]) & (second[:, 2] == first[:, 0])
    for k in np.flatnonzero(split_ac):
        a, b, c, d = vertices[np.append(faces[k], faces[k + 1, 1])].astype(np.float64)
        shorter, longer = np.linalg.norm(a - c), np.linalg.norm(b - d)
        if abs(shorter - longer) < 1e-9 * longer:
            for corners in (faces, uv_faces):
                a, b, c, d = np.append(corners[k], corners[k + 1, 1])
                corners[k], corners[k + 1] = (a, b, d), (d, b, c)
    return faces, uv_faces


def build_free_body(gender: str = "neutral") -> Body:
    """Build the free body of a gender from the installed Anny package (about a minute)."""
    with warnings.catch_warnings(), tqdm(total=4, desc="free body", unit="step") as bar:
        warnings.simplefilter("ignore")
        model = anny_model()
        bar.update()
        vertices, heads, palms = _rest_shapes(
            model, sample_adults(model, _POPULATION, gender=gender)
        )
        bar.update()
        weights = merged_weights(model)
        rotations = _t_pose_rotations(heads, palms)
        posed, joints = _t_posed(vertices, heads, rotations, weights)
        shift = np.array(_SMPL_PELVIS) - joints.mean(0)[0]
        posed, joints = posed + shift, joints + shift
        # People differ in size, not in where they happen to stand: pelvises coincide before the
        # analysis.
        posed, joints = (
            posed - joints[:, :1] + _SMPL_PELVIS,
            joints - joints[:, :1] + _SMPL_PELVIS,
        )
        bar.update()
        regressor = _joint_regressor(posed, joints, weights)
        template, directions = _principal_shapes(posed)
        bar.update()
    faces, uv_faces = stable_diagonals(
        model.template_vertices.numpy(),
        model.faces.numpy().astype(np.int32),
        model.face_texture_coordinate_indices.numpy().astype(np.int32),
    )
    face_parts = parts_of_faces(faces, weights)
    return Body(
        mesh=Mesh(
            name=_body_name(gender),
            uv_layout=UV_LAYOUT,
            vertices=template.astype(np.float32),
            faces=faces,
            uv=model.texture_coordinates.numpy().astype(np.float32),
            uv_faces=uv_faces,
            face_parts=face_parts,
            face_groups=head_and_hands(face_parts),
        ),
        build=str(BUILD),
        shape_directions=directions.astype(np.float32),
        joint_regressor=regressor.astype(np.float32),
        weights=weights.astype(np.float32),
    )
