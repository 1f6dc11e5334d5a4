"""Which arrays of a file are SMPL poses, under whichever of the usual names and shapes.

Poses are either one array (AMASS's `poses`, AIST++'s `smpl_poses`, ...) or the pelvis and the body apart
(`root_orient` and `pose_body` of SMPL-X's AMASS, `global_orient` and `body_pose` of smplx and of
networks that estimate poses). An array holds axis-angle vectors, as rows (T, 3 J) or (T, J, 3), or
rotation matrices (T, J, 3, 3). Fingers, jaw and eyes are not read: a `Body` has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile

WHOLE = (
    *("poses", "pose", "smpl_poses", "smpl_pose", "smplh_poses", "smplx_poses"),
    *("full_pose", "fullpose", "thetas", ""),
)
PELVIS = ("root_orient", "global_orient", "smpl_global_orient", "global_orientation")
BODY = ("pose_body", "body_pose", "smpl_body_pose")
TRANSLATIONS = (
    *("trans", "transl", "translation", "translations", "smpl_trans", "smpl_transl"),
    *("root_trans", "root_transl", "root_translation", "global_transl"),
)
# What only tables of labels have, one row an image: BEDLAM's, AGORA's and those made after them.
_LABELS = ("imgname", "imgnames", "img_names", "image_path", "gtkps", "cam_int", "cam_ext")
_FINGERS = ("pose_hand", "left_hand_pose", "right_hand_pose", "hand_pose")
_FACE = ("pose_jaw", "jaw_pose", "pose_eye", "leye_pose", "reye_pose")

MAX_FRAMES = 500_000  # more than an hour at 120 frames per second
_BODY_COLUMNS = 66  # pelvis and 21 body joints: the same in SMPL, SMPL-H and SMPL-X
_COLUMNS = 72
_LARGEST_ANGLE = 1e3  # radians
_ORTHOGONAL = 0.02  # by how much a rotation matrix of single precision or of a network may be off
_WHOLE_JOINTS = {
    22: (),
    24: (),
    52: ("the fingers (30 joints of SMPL-H)",),
    55: ("the fingers (30 joints of SMPL-X)", "jaw and eyes"),
}
_SHAPES = (
    "poses (frames, 72) of SMPL, (frames, 156) of SMPL-H or (frames, 165) of SMPL-X, or the same as "
    "(frames, joints, 3)"
)
_BONES = [(joint, parent) for joint, parent in enumerate(PARENTS[:22]) if parent >= 0]
_LEFT_BONES = [i for i, (joint, _) in enumerate(_BONES) if JOINT_NAMES[joint].startswith("left_")]
_STIFF = 0.02  # by what share a bone's length may change, or differ from its twin's, in positions


@dataclass(frozen=True)
class Piece:
    """An array that holds some joints of each frame.

    name: of the array. joints: how many it holds. first: the number of its first among SMPL's joints.
    matrices: whether they are rotation matrices, else axis-angle vectors.
    """

    name: str
    joints: int
    first: int
    matrices: bool


@dataclass(frozen=True)
class PoseArrays:
    """Where a file keeps its poses.

    pieces: what the poses are put together from. frames: how many. translation: the array with the path,
    None where there is none. dropped: what the file holds that SMPL's 24 joints cannot express.
    """

    pieces: tuple[Piece, ...]
    frames: int
    translation: str | None = None
    dropped: tuple[str, ...] = ()


def has_poses(arrays: ArrayFile) -> bool:
    """Whether a file has arrays by the names of poses."""
    return any(name in arrays for name in (*WHOLE, *BODY))


def find_poses(arrays: ArrayFile) -> PoseArrays:
    """The arrays of a file that are poses; nothing is decoded.

    Raises:
        BadInput: Where there are none, or where they have shapes that poses have not.
    """
    labels = image_labels(arrays)
    if labels:
        raise BadInput(
            f"{arrays.path}: labels of images, as BEDLAM's, with {', '.join(labels)}: a row for each "
            "person in each picture, in no order of time, expected a motion; use the data set's motion "
            "files (poses, trans and a frame rate) instead"
        )
    pelvis = next((name for name in PELVIS if name in arrays), None)
    body = next((name for name in BODY if name in arrays), None)
    whole = next((name for name in WHOLE if name in arrays), None)
    translation = next((name for name in TRANSLATIONS if name in arrays), None)
    apart = pelvis is not None and body is None
    if apart and whole is not None and _joints_of(arrays, whole)[0] in (21, 23):
        whole, body = None, whole
    if whole is not None:
        return replace(whole_poses(arrays, whole), translation=translation)
    if body is None or (pelvis is None and _joints_of(arrays, body)[0] not in _WHOLE_JOINTS):
        missing = f"'{body}' without the pelvis" if body else "no array 'poses'"
        raise BadInput(
            f"{arrays.path}: {missing} among {arrays.listed()}, expected SMPL poses: 'poses' (frames, "
            "72), or 'root_orient' and 'pose_body'; name the arrays so (files of a body's shape alone, "
            "shape.npz and *_stagei.npz, hold none)"
        )
    if pelvis is None:
        return replace(whole_poses(arrays, body), translation=translation)
    pieces = []
    for name, first, expected in ((pelvis, 0, (1,)), (body, 1, (21, 23))):
        joints, frames, matrices = _joints_of(arrays, name)
        if joints not in expected:
            shape = "the body (frames, 63) or (frames, 69)" if first else "the pelvis (frames, 3)"
            raise _no_poses(arrays, name, shape)
        _check_length(arrays, name, frames)
        pieces.append((frames, Piece(name, joints, first, matrices)))
    if pieces[0][0] != pieces[1][0]:
        raise arrays.fail(
            body,
            f"{pieces[1][0]} frames",
            f"{pieces[0][0]} as '{pelvis}' has",
        )
    dropped = tuple(
        lost
        for names, lost in ((_FINGERS, "the fingers"), (_FACE, "jaw and eyes"))
        if any(name in arrays for name in names)
    )
    return PoseArrays(
        tuple(piece for _, piece in pieces), pieces[0][0], translation, dropped=dropped
    )


def image_labels(arrays: ArrayFile) -> list[str]:
    """The arrays by which a file shows that its rows are people in pictures and not frames in time."""
    return [name for name in _LABELS if name in arrays]


def read_pose_arrays(arrays: ArrayFile, poses: PoseArrays) -> tuple[np.ndarray, tuple[str, ...]]:
    """Poses (T, 72) float32 and what was left out of them. Fingers, jaw and eyes are at rest.

    Raises:
        BadInput: With array and frame, for values that no pose has.
    """
    out = np.zeros((poses.frames, _COLUMNS), np.float32)
    for piece in poses.pieces:
        joints = piece.joints if piece.first + piece.joints == 24 else min(piece.joints, 22)
        if piece.matrices:
            values = _vectors_of(arrays, piece.name, arrays.read_rows(piece.name, 9 * joints))
        else:
            values = arrays.read_rows(piece.name, 3 * joints)
            values = bounded(arrays, piece.name, values, _LARGEST_ANGLE, "radians")
            if joints >= 22 and piece.first == 0:
                _refuse_positions(arrays, piece.name, values)
        out[:, 3 * piece.first : 3 * (piece.first + joints)] = values
    return out, poses.dropped


def whole_poses(arrays: ArrayFile, name: str) -> PoseArrays:
    """One array of whole poses, by its name. Raises BadInput for other shapes."""
    joints, frames, matrices = _joints_of(arrays, name)
    if joints not in _WHOLE_JOINTS:
        raise _no_poses(arrays, name, _SHAPES)
    _check_length(arrays, name, frames)
    return PoseArrays((Piece(name, joints, 0, matrices),), frames, None, _WHOLE_JOINTS[joints])


def bounded(
    arrays: ArrayFile, name: str, values: np.ndarray, limit: float, unit: str
) -> np.ndarray:
    """The values (T, C), none of them beyond a limit. Raises BadInput with the first frame that is."""
    good = (np.abs(values) <= limit).all(axis=1)  # false for nan
    if not good.all():
        row = int(np.argmin(good))
        value = values[row][~(np.abs(values[row]) <= limit)][0]
        raise arrays.fail(
            name,
            f"{value:g} in frame {row}",
            f"{unit} of at most {limit:g}",
            "fetch the file again, or cut the frame out",
        )
    return values


def _joints_of(arrays: ArrayFile, name: str) -> tuple[int, int, bool]:
    """(joints, frames, whether they are matrices) of an array; 0 joints where it holds no rotations."""
    header = arrays.header(name)
    shape = header.shape
    width = math.prod(shape[1:]) if shape else 0
    if header.dtype.kind not in "fiu" or len(shape) < 2 or not shape[0]:
        return 0, 0, False
    if shape[2:] == (3, 3) or (len(shape) == 3 and shape[1:] == (3, 3)):
        return width // 9, shape[0], True
    if len(shape) == 2 or (len(shape) == 3 and shape[2] == 3):
        return (width // 3 if width % 3 == 0 else 0), shape[0], False
    return 0, 0, False


def _no_poses(arrays: ArrayFile, name: str, expected: str) -> BadInput:
    header = arrays.header(name)
    return arrays.fail(
        name,
        f"{header.dtype} values of shape {header.shape}",
        expected,
        "save the axis-angle poses in one of these shapes",
    )


def _check_length(arrays: ArrayFile, name: str, frames: int) -> None:
    if frames > MAX_FRAMES:
        advice = "cut the motion into shorter ones"
        raise arrays.fail(name, f"{frames} frames", f"at most {MAX_FRAMES}", advice)


def _vectors_of(arrays: ArrayFile, name: str, values: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (T, 3 J) of rotation matrices (T, 9 J)."""
    bounded(arrays, name, values, 1 + _ORTHOGONAL, "parts of rotation matrices")
    matrices = values.reshape(-1, 3, 3).astype(np.float64)
    errors = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    wrong = (errors > _ORTHOGONAL) | (np.linalg.det(matrices) < 0)
    if wrong.any():
        frame = int(np.argmax(wrong)) * 9 // values.shape[1]
        raise arrays.fail(
            name,
            f"no rotation in frame {frame}",
            "rotation matrices, which are orthogonal and not mirrored",
            "save the poses as axis-angle vectors (frames, 72)",
        )
    return Rotation.from_matrix(matrices).as_rotvec().reshape(len(values), -1)


def _refuse_positions(arrays: ArrayFile, name: str, values: np.ndarray) -> None:
    """Raise BadInput for joint positions, as HumanML3D and others store them in the same shape."""
    joints = values.reshape(len(values), -1, 3)
    bones = np.stack([joints[:, joint] - joints[:, parent] for joint, parent in _BONES], axis=1)
    lengths = np.linalg.norm(bones, axis=-1)
    usual, changes = lengths.mean(axis=0), np.ptp(lengths, axis=0)
    left = usual[_LEFT_BONES]
    right = usual[
        [i + 1 for i in _LEFT_BONES]
    ]  # SMPL's joints alternate: each left, then its right
    if (
        usual.min() > _STIFF * usual.max()
        and (changes < _STIFF * usual).all()
        and (np.abs(left - right) < 2.5 * _STIFF * np.maximum(left, right)).all()
        and np.abs(usual - usual[0]).max() > _STIFF * usual.max()
    ):
        raise arrays.fail(
            name,
            "positions of joints, with bones of constant lengths",
            "rotations of joints (axis-angle vectors)",
            "fit SMPL to the positions first, or use the files with rotations that they were made from",
        )
