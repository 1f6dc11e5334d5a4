"""Files of HMR, SPIN and 4D-Humans, read without trust: poses, shapes and cameras of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from textures.evidence.landmarks import landmark_points, posed_landmarks
from textures.evidence.smpl_cameras import FitConvention

MEAN_PELVIS = (-0.001795, -0.223333, 0.028219)
"""SMPL's pelvis in its neutral mean shape, metres: the translation moves the body from there."""

CROP_NAMES = ("imgname", "imgnames", "img_name", "img_names", "img_path", "image_path", "names")
"""Under which of these names a file says what crop each row is of."""

_LIMIT = 1 << 28  # bytes of one array
_LARGEST = 1e6
_ORTHOGONAL = 0.02  # by how much a rotation matrix of a network may be off
_NESTED = ("", "pred_smpl_params.", "smpl_params.")
_WHOLE = ("pose", "poses", "smpl_pose", "pred_pose", "rotmat", "pred_rotmat")
_BETAS = ("betas", "pred_betas", "shape", "shapes")
_CAMERAS = ("pred_cam", "pred_camera", "camera", "cams", "cam")
_TRANSLATIONS = ("pred_cam_t_full", "cam_t_full")
_THETA = 85  # HMR's: camera 3, pose 72, shape 10


@dataclass(frozen=True, kw_only=True)
class FittedPerson:
    """A row of a file.

    points (L,3): landmarks in camera axes, metres, before the translation. camera (3,) of a square, or
    translation (3,) of the whole image; the other is None. square: what the file says of that square.
    focal: of the whole image, None for the method's. image_size (2,) width, height; crop_box (4,): None
    where the crop is the image.
    """

    points: np.ndarray
    camera: np.ndarray | None
    translation: np.ndarray | None
    square: Mapping[str, np.ndarray]
    focal: float | None
    image_size: np.ndarray | None
    crop_box: np.ndarray | None


class FitReader:
    """Reads files of one method's fits and poses their bodies."""

    def __init__(self, convention: FitConvention, smpl: Body | None) -> None:
        """Prepare the body: SMPL's, or the free body in its place."""
        self.convention, self.is_smpl = convention, smpl is not None
        body = load_free_body() if smpl is None else smpl
        self.skinning, self.landmarks = Skinning(body), landmark_points(body)

    def people(self, arrays: ArrayFile, stem: str) -> list[tuple[str, FittedPerson]]:
        """Name and fit of every row of a file.

        Args:
            arrays: of the file.
            stem: the crop's name where the file names none.

        Raises:
            BadInput: with file, array and row, for what is missing or no fit.
        """
        theta = _numbers(arrays, "theta") if "theta" in arrays else np.zeros(1)
        if theta.shape[-1:] == (_THETA,):
            theta = theta.reshape(-1, _THETA)
            camera: np.ndarray | None = theta[:, :3]
            translation: np.ndarray | None = None
            _check_before(arrays, "theta", theta[:, 0])
            rotations = _rotations(arrays, "theta", 24, theta[:, 3:75])
            betas = theta[:, 75:]
        else:
            rotations = _pose(arrays)
            betas = _rows(arrays, _first(arrays, _BETAS, "the shape", _NESTED), len(rotations))
            camera, translation = _cameras(arrays, len(rotations))
        points = self._points(rotations, betas[:, :10])
        count = len(points)
        square = self._square(arrays, count)
        stored = {
            name: _rows(arrays, name, count) if name in arrays else None
            for name in ("img_size", "crop_box", "scaled_focal_length")
        }
        for name, columns in (("img_size", 2), ("crop_box", 4), ("scaled_focal_length", None)):
            _check_positive(arrays, name, stored[name], columns)
        names = _names(arrays, stem, count)
        focal = stored["scaled_focal_length"]
        return [
            (
                names[row],
                FittedPerson(
                    points=points[row],
                    camera=None if camera is None else camera[row],
                    translation=None if translation is None else translation[row],
                    square={name: values[row] for name, values in square.items()},
                    focal=None if focal is None else float(focal[row, 0]),
                    image_size=None if stored["img_size"] is None else stored["img_size"][row],
                    crop_box=None if stored["crop_box"] is None else stored["crop_box"][row],
                ),
            )
            for row in range(count)
        ]

    @torch.no_grad()
    def _points(self, rotations: np.ndarray, betas: np.ndarray) -> np.ndarray:
        """Landmarks (N,L,3) of bodies of these rotations (N,24,3,3) and betas (N,up to 10)."""
        shape = torch.zeros(len(betas), 10)
        pelvis = torch.tensor(MEAN_PELVIS).expand(len(betas), 3)
        if self.is_smpl:
            shape[:, : betas.shape[1]] = torch.from_numpy(betas.astype(np.float32))
            pelvis = self.skinning.shaped_joints(shape)[:, 0]
        turned = torch.from_numpy(rotations.astype(np.float32))
        points = posed_landmarks(self.skinning, self.landmarks, turned, shape)
        return (points + pelvis[:, None]).numpy().astype(np.float64)

    def _square(self, arrays: ArrayFile, count: int) -> dict[str, np.ndarray]:
        """What a file says of the squares, by name; nothing, or all of it."""
        fields = {}
        for name, columns in self.convention.square_fields.items():
            stored = next((n for n in (name, f"proc_param.{name}") if n in arrays), None)
            if stored is not None:
                values = _rows(arrays, stored, count)
                if values.shape[1] != columns:
                    raise arrays.fail(stored, f"{values.shape[1]} numbers a row", str(columns))
                if columns == 1:
                    _check_positive(arrays, stored, values, 1)
                fields[name] = values[:, 0] if columns == 1 else values
        missing = sorted(self.convention.square_fields.keys() - fields.keys())
        if fields and missing:
            raise BadInput(
                f"{arrays.path}: {', '.join(fields)} without {', '.join(missing)}; add it, or leave all "
                f"out where {self.convention.name} was given the whole crop"
            )
        return fields


def _first(
    arrays: ArrayFile, names: Sequence[str], subject: str, prefixes: Sequence[str] = ("",)
) -> str:
    """The first of the names that a file has. Raises BadInput where it has none."""
    for prefix in prefixes:
        for name in names:
            if prefix + name in arrays:
                return prefix + name
    raise BadInput(
        f"{arrays.path}: {subject} is missing among {arrays.listed()}; expected {' or '.join(names)}"
    )


def _pose(arrays: ArrayFile) -> np.ndarray:
    """Rotations (N,24,3,3) of a file."""
    for prefix in _NESTED:
        pelvis, limbs = prefix + "global_orient", prefix + "body_pose"
        if pelvis in arrays and limbs in arrays:
            pieces = [_rotations(arrays, pelvis, 1), _rotations(arrays, limbs, 23)]
            if len(pieces[0]) != len(pieces[1]):
                raise arrays.fail(limbs, f"{len(pieces[1])} people", f"{len(pieces[0])}")
            return np.concatenate(pieces, 1)
    if "theta" in arrays:
        return _rotations(arrays, "theta", 24)
    expected = "the pose ('global_orient' and 'body_pose', HMR's 'theta', or one array)"
    return _rotations(arrays, _first(arrays, _WHOLE, expected, _NESTED), 24)


def _cameras(arrays: ArrayFile, count: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Cameras (N,3) of the squares, or translations (N,3) of the whole image and None for the other."""
    whole = next((name for name in _TRANSLATIONS if name in arrays), None)
    name = whole or _first(arrays, (*_CAMERAS, *_TRANSLATIONS), "the camera")
    values = _rows(arrays, name, count)
    if values.shape[1] != 3:
        kind = "x, y, z in metres" if whole else "s, tx, ty"
        raise arrays.fail(name, f"{values.shape[1]} numbers a row", f"three: {kind}")
    _check_before(arrays, name, values[:, 2] if whole else values[:, 0])
    return (None, values) if whole else (values, None)


def _check_before(arrays: ArrayFile, name: str, values: np.ndarray) -> None:
    """Refuse scales or depths (N,) of bodies that are not before the camera."""
    if not (values > 0).all():
        row = int(np.argmin(values > 0))
        raise arrays.fail(
            name, f"{values[row]:g} in row {row}", "a scale or depth above 0, before the camera"
        )


def _numbers(arrays: ArrayFile, name: str) -> np.ndarray:
    """An array of finite numbers of any shape, float64."""
    values = arrays.read(name, limit=_LIMIT)
    if values.dtype.kind not in "fiu" or not values.size:
        raise arrays.fail(name, f"{values.dtype} values of shape {values.shape}", "numbers")
    values = values.astype(np.float64)
    good = np.abs(values) <= _LARGEST  # false for nan
    if not good.all():
        row = int(np.argwhere(~good)[0][0]) if values.ndim else 0
        value = values[~good].flat[0]
        raise arrays.fail(name, f"{value:g} in row {row}", f"finite numbers up to {_LARGEST:g}")
    return values


def _rows(arrays: ArrayFile, name: str, count: int) -> np.ndarray:
    """An array as rows (count,C) float64; a lone number stands for every row."""
    values = _numbers(arrays, name)
    if values.ndim == 0:
        return np.full((count, 1), values)
    if len(values) != count and count == 1:
        values = values[None]  # one person, without an axis for people
    if len(values) != count:
        raise arrays.fail(name, f"{len(values)} rows", f"{count}, one for each pose")
    return values.reshape(count, -1)


def _rotations(
    arrays: ArrayFile, name: str, joints: int, values: np.ndarray | None = None
) -> np.ndarray:
    """Rotations (N,joints,3,3) of axis-angle vectors or matrices."""
    values = _numbers(arrays, name) if values is None else values
    square = values.shape[-2:] == (3, 3)
    if square and values.ndim == 2 and joints == 1:  # one matrix, or the vectors of three people
        square = bool(np.abs(values @ values.T - np.eye(3)).max() < _ORTHOGONAL)
    numbers = joints * (9 if square else 3)
    if values.size % numbers:
        kind = f"{3 * joints} numbers of axis-angle vectors or {joints} matrices a person"
        raise arrays.fail(name, f"values of shape {values.shape}", kind)
    if not square:
        vectors = values.reshape(-1, 3)
        return Rotation.from_rotvec(vectors).as_matrix().reshape(-1, joints, 3, 3)
    matrices = values.reshape(-1, joints, 3, 3)
    error = np.abs(matrices @ matrices.swapaxes(-1, -2) - np.eye(3)).max((1, 2, 3))
    wrong = (error > _ORTHOGONAL) | (np.linalg.det(matrices) < 0).any(1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise arrays.fail(name, f"no rotation in row {row}", "orthogonal matrices, not mirrored")
    return Rotation.from_matrix(matrices.reshape(-1, 3, 3)).as_matrix().reshape(matrices.shape)


def _check_positive(
    arrays: ArrayFile, name: str, values: np.ndarray | None, columns: int | None
) -> None:
    """Refuse rows of another width, and sizes that are not above 0 (of a box the last two)."""
    if values is None:
        return
    if columns is not None and values.shape[1] != columns:
        raise arrays.fail(name, f"{values.shape[1]} numbers a row", str(columns))
    good = (values[:, -2:] > 0).all(1)
    if not good.all():
        row = int(np.argmin(good))
        raise arrays.fail(name, f"{values[row].tolist()} in row {row}", "sizes above 0")


def _names(arrays: ArrayFile, stem: str, count: int) -> list[str]:
    """The crop of every row: what the file says, else all of them are of the crop it is named after."""
    name = next((name for name in CROP_NAMES if name in arrays), None)
    if name is None:
        return [stem] * count
    values = np.atleast_1d(arrays.read(name, limit=_LIMIT))
    if values.dtype.kind not in "US" or len(values) != count:
        raise arrays.fail(
            name, f"{len(values)} values of type {values.dtype}", f"{count} file names"
        )
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return [Path(text).as_posix() for text in texts]
