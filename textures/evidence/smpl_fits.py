"""Other people's fits as evidence: files of HMR, SPIN and 4D-Humans, with their own cameras.

A .npz or .pkl holds a row per person: SMPL's pose (axis-angle or matrices; HMR's `theta` holds camera,
pose and shape; 4D-Humans' `global_orient` and `body_pose` may lie in `pred_smpl_params`), `betas`, and a
camera as `textures.evidence.smpl_cameras` has it. `imgname` names each row's crop; without it the file
holds one crop's people and is named after it. A folder holds many such files.

Where the method was run on a larger image, `img_size` (width, height) is that image's and `crop_box`
(left, top, width, height) is where the crop was cut from it. Without the square that the method looked at
(`scale` and `start_pt`, `center` and `scale`, `box_center` and `box_size`) it is the one that the
method's own demo takes for an image without a box.

The landmarks are those of SMPL's body of this pose and shape. Without SMPL's file the free body stands
for it: in the same pose, at SMPL's mean pelvis, with its own mean shape, since the betas speak of another
space; such landmarks have less confidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.errors import BadInput
from mocap.parsing.pickled_arrays import open_arrays
from textures.evidence.evidence import Evidence, no_evidence, yaw_of_line
from textures.evidence.landmarks import BONE_ENDS, BONE_STARTS, LANDMARKS
from textures.evidence.smpl_cameras import (
    CONVENTIONS,
    FitConvention,
    pixels_of_image,
    pixels_of_square,
)
from textures.evidence.smpl_fit_files import CROP_NAMES, FitReader, FittedPerson
from textures.library import sha256_of

STANDIN_CONFIDENCE = 0.6  # of landmarks of the free body in SMPL's place
_SURFACE = 0.5  # of its confidence: surface points follow from the pose, nobody looked at them
_SUFFIXES = (".npz", ".pkl")


class SmplFits:
    """Fits of crops by file name, as a source of evidence."""

    def __init__(
        self,
        name: str,
        tag: str,
        convention: FitConvention,
        people: Mapping[str, Sequence[FittedPerson]],
        confidence: float = 1.0,
    ) -> None:
        """Keep the fits.

        Args:
            name: of the source.
            tag: name and digest of the files.
            convention: of the method.
            people: by the crop's file name or a path that ends with it, with its suffix or without.
            confidence: of every landmark that is a joint.
        """
        self.name, self.tag, self.convention = name, tag, convention
        self.people = dict(people)
        joints = np.isin(LANDMARKS, JOINT_NAMES)
        self.confidence = confidence * np.where(joints, 1.0, _SURFACE).astype(np.float32)

    def observe(self, names: Sequence[str], images: Sequence[np.ndarray]) -> Evidence:
        """What the fits of the named crops say; a crop without a fit has no evidence.

        Of several people the one of whom most is in the crop is taken, of those the tallest.

        Raises:
            BadInput: for a fit of an image that the crop is not.
        """
        evidence = no_evidence(self.name, len(names))
        for index, (name, image) in enumerate(zip(names, images, strict=True)):
            height, width = image.shape[:2]
            people = [
                (person.points, self._pixels(name, person, height, width))
                for person in self._people(name)
            ]
            if not people:
                continue
            points, pixels = max(people, key=lambda person: _extent(person[1], height, width))
            visible = np.isfinite(pixels).all(1)
            lines = (points[BONE_ENDS] - points[BONE_STARTS]) * (1, -1, -1)
            lines /= np.linalg.norm(lines, axis=-1, keepdims=True).clip(1e-9)
            evidence.landmarks[index] = np.where(visible[:, None], pixels, 0)
            evidence.confidence[index] = self.confidence * visible
            evidence.directions[index] = lines
            evidence.direction_confidence[index] = 1
            evidence.heading[index] = yaw_of_line(lines[-1] + lines[-2])
            evidence.heading_confidence[index] = 1
        return evidence

    def _people(self, name: str) -> Sequence[FittedPerson]:
        """The people of the longest end of a path that has any, with its suffix or without."""
        parts = Path(name).parts
        for first in range(len(parts)):
            end = Path(*parts[first:])
            for key in (end.as_posix(), end.with_suffix("").as_posix()):
                if key in self.people:
                    return self.people[key]
        return ()

    def _pixels(self, name: str, person: FittedPerson, height: int, width: int) -> np.ndarray:
        """A person's landmarks (L,2) in pixels of a crop of this size."""
        image_height, image_width = height, width
        if person.image_size is not None:
            image_width, image_height = (round(float(side)) for side in person.image_size)
        box = person.crop_box
        if box is None and (image_width, image_height) != (width, height):
            raise BadInput(
                f"{self.name}: the fit of {name} is of an image of {image_width}x{image_height}, the "
                f"crop has {width}x{height}; add an array crop_box (left, top, width, height) that says "
                "where the crop was cut from the image"
            )
        if person.camera is not None:
            square = self.convention.square(image_height, image_width, person.square)
            pixels = pixels_of_square(person.points, person.camera, square, self.convention)
        else:
            assert person.translation is not None
            focal = person.focal or self.convention.image_focal(image_height, image_width)
            pixels = pixels_of_image(
                person.points, person.translation, focal, image_height, image_width
            )
        if box is not None:
            pixels = (pixels - box[:2]) * (width, height) / box[2:]
        return pixels


def read_smpl_fits(path: Path, method: str, *, smpl: Body | None = None) -> SmplFits:
    """Read fits of HMR, SPIN or 4D-Humans.

    Args:
        path: a .npz or .pkl file, or a folder of them.
        method: one of `CONVENTIONS`.
        smpl: SMPL's body, which the fits speak of; None for the free body in its place.

    Raises:
        BadInput: for another method, and for a file that is missing or holds no such fits.
    """
    path = Path(path)
    if method not in CONVENTIONS:
        raise BadInput(f"{method}: no such method; expected {', '.join(CONVENTIONS)}")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in _SUFFIXES)
    elif path.suffix.lower() not in _SUFFIXES:
        files = []
    if not files:
        raise BadInput(f"{path}: expected a .npz or .pkl file of fits, or a folder of them")
    reader = FitReader(CONVENTIONS[method], smpl)
    people: dict[str, list[FittedPerson]] = {}
    for file in files:
        stem = file.relative_to(path).with_suffix("") if path.is_dir() else Path(file.stem)
        with open_arrays(file) as arrays:
            rows = reader.people(arrays, stem.as_posix())
        if len({name for name, _ in rows}) < len(rows) and not path.is_dir():
            names = ", ".join(CROP_NAMES)
            raise BadInput(
                f"{file}: {len(rows)} people and not a crop's name for each; add an array of file names "
                f"({names}), or give a folder of files that are named after the crops"
            )
        for name, person in rows:
            people.setdefault(name, []).append(person)
    digest = hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()
    name = f"{method}-{path.stem}"
    confidence = STANDIN_CONFIDENCE if smpl is None else 1.0
    return SmplFits(name, f"{name}-{digest[:8]}", CONVENTIONS[method], people, confidence)


def _extent(pixels: np.ndarray, height: int, width: int) -> tuple[int, float]:
    """How many landmarks lie within a crop, and how tall they are together."""
    inside = ((pixels > 0) & (pixels < (width, height))).all(1)  # false for nan
    visible = pixels[np.isfinite(pixels).all(1), 1]
    return int(inside.sum()), float(np.ptp(visible)) if len(visible) else 0.0
