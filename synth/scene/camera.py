"""Film cameras: SURREAL's, with a proper rotation, the whole clip in frame, and able to move.

SURREAL (Varol et al., CVPR 2017) films with a level camera, f = 600 pixels on 320x240, at a distance
N(8, 1) m from where the person starts, from a uniformly random side; people walk out of its frames.
Ours draws the same numbers (`synth.plans.view_sampler`, once per row of the plan) and then obeys the
view's policy (`place_cameras`, once the body's path is known):

"framed"
    1. The camera slides in its image plane until the box around the whole clip is centred.
    2. Where that box is larger than the frame, the camera steps back until it fits. Where it would
       have to go beyond `far` metres, other sides are tried, and the one that needs the least
       distance is taken.
    3. The person is then moved off the centre by a random share of the margin that is left.
"start"
    SURREAL's: the person's position in the first frame is in the middle of the picture, at the distance
    drawn, whatever happens afterwards.

"standing"
    As "framed", but the camera stands at its height above the floor and turns where a framed one
    slides: so it looks at people who stand in a place.

A moving camera keeps the policy over the whole clip: the box is that of all frames, each seen by the
camera of that frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from msgspec import Meta
from scipy.spatial.transform import Rotation

from mocap.parsing.json_files import choice
from textures.visibility.camera import Camera, intrinsic_matrix

POLICIES = ("framed", "start", "standing")
MOVES = ("still", "pan", "dolly", "orbit", "handheld")

_SHAKE_HERTZ = (0.4, 0.9, 1.7, 3.1)  # of a hand that holds a camera: a slow sway and some tremble
_SHAKE_SHARES = (0.6, 0.3, 0.15, 0.06)
_SHAKE_METRES = 0.4  # sideways metres for a radian of shake
_FARTHEST = 1e5  # metres: a body that does not fit from there is not in front of the camera


@dataclass(frozen=True, kw_only=True)
class View:
    """A camera as it was drawn; `synth.scene.camera` places it once the body's path is known.

    `policy` "framed", "start" or "standing" (see `synth.plans.preset.CameraRanges`). `sides` are yaws in
    radians (0: the camera stands at +z of the person, pi/2: at +x), the first of them preferred.
    `distance` in metres, `height` above the floor or None for level with the person, `pitch` in
    radians, looking down. `offset`: the share of the free margin by which the person is moved off the
    centre. `far`, `border`, `flesh`: as in CameraRanges. `move` is its kind,
    `amount` its size (radians; metres for a dolly), `phase` seeds a hand's shake.
    """

    policy: Annotated[str, choice(POLICIES)]
    focal: Annotated[float, Meta(gt=0, le=1e6)]
    sides: Annotated[
        tuple[Annotated[float, Meta(ge=-100, le=100)], ...], Meta(min_length=1, max_length=1000)
    ]
    distance: Annotated[float, Meta(gt=0, le=1000)]
    height: Annotated[float, Meta(ge=-1000, le=1000)] | None
    pitch: Annotated[float, Meta(ge=-1.4, le=1.4)]
    offset: tuple[Annotated[float, Meta(ge=-1, le=1)], Annotated[float, Meta(ge=-1, le=1)]]
    far: Annotated[float, Meta(gt=0, le=1e4)]
    border: Annotated[int, Meta(ge=0, le=4096)]
    flesh: Annotated[float, Meta(ge=0, le=10)]
    move: Annotated[str, choice(MOVES)] = "still"
    amount: Annotated[float, Meta(ge=-100, le=100)] = 0.0
    phase: Annotated[int, Meta(ge=0, lt=2**62)] = 0


@dataclass(frozen=True)
class FilmCameras:
    """The cameras of a clip, one per frame, and how they came about.

    `yaw` in radians is the side they stand on (0: +z of the person, pi/2: +x), `distance` the metres
    that were needed. `background_yaw` is the same of the camera that took the background, where that
    is a photograph and a place.
    """

    cameras: tuple[Camera, ...]
    yaw: float
    distance: float
    background_yaw: float = 0.0


def place_cameras(
    joints: np.ndarray, view: View, *, height: int, width: int, fps: float
) -> FilmCameras:
    """Place the cameras of a clip by the policy of its view.

    Args:
        joints: (T+2,24,3) world metres, with one more frame at either end, which gets a camera but
            need not be in the frame.
        view: the camera as it was drawn.
        height: of the picture, pixels.
        width: of the picture, pixels.
        fps: frames per second, for the pace of a hand's shake.

    Raises:
        ValueError: joints that are not finite, and a view that shows the whole clip from nowhere.
    """
    joints = np.asarray(joints, dtype=np.float64)
    if not np.isfinite(joints).all():
        raise ValueError("joints hold values that are not finite")
    inner = joints[1:-1]
    if view.policy == "start":
        middle = inner[0, 0]
        trial = TrialCameras(inner, middle, view, height=height, width=width, fps=fps)
        yaw, distance, slide = view.sides[0], view.distance, np.zeros(2)
    else:
        points = inner.reshape(-1, 3)
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        trial = TrialCameras(inner, middle, view, height=height, width=width, fps=fps)
        attempts = []
        for side in view.sides:
            attempts.append((*trial.step_back(side), side))
            if attempts[-1][0] <= max(view.far, view.distance):
                break
        distance, slide, yaw = min(attempts, key=lambda entry: entry[0])
        slide = trial.off_centre(yaw, distance, slide)
    return FilmCameras(trial.cameras(yaw, distance, slide, len(joints)), yaw, distance)


def flesh_boxes(
    points: np.ndarray,
    rotations: np.ndarray,
    translations: np.ndarray,
    view: View,
    *,
    height: int,
    width: int,
) -> tuple[np.ndarray, np.ndarray, float]:
    """The box around points and the flesh about them, over all frames.

    Args:
        points: (T,N,3) metres in the world.
        rotations: (T,3,3) of each frame's camera.
        translations: (T,3) of each frame's camera.
        view: its `flesh` is how many metres of body are around each point.
        height: of the picture, pixels.
        width: of the picture, pixels.

    Returns:
        Lowest and highest pixel, (2,) x and y each, and the smallest depth in metres.
    """
    in_camera = np.einsum("tij,tnj->tni", rotations, points) + translations[:, None]
    z = in_camera[..., 2]
    nearest = float(z.min())
    if nearest <= view.flesh:
        return np.full(2, -np.inf), np.full(2, np.inf), nearest
    pixels = view.focal * in_camera[..., :2] / z[..., None] + np.array([width, height]) / 2
    reach = (view.focal * view.flesh / (z - view.flesh))[..., None]
    return (pixels - reach).min(axis=(0, 1)), (pixels + reach).max(axis=(0, 1)), nearest


class TrialCameras:
    """The path of a clip's joints, and cameras that are tried on it."""

    def __init__(
        self,
        joints: np.ndarray,
        middle: np.ndarray,
        view: View,
        *,
        height: int,
        width: int,
        fps: float,
    ):
        self.joints, self.middle, self.view, self.fps = joints, middle, view, fps
        self.height, self.width = height, width
        self.far_border = np.array([width, height]) - view.border

    def path(
        self, yaw: float, distance: float, slide: np.ndarray, frames: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rotations (frames,3,3) and translations (frames,3) of the cameras.

        `frames` are those of `joints`, or two more, one at either end. `slide` (2,) metres at
        `distance` moves the person in the image.
        """
        view, count = self.view, len(self.joints)
        extra = (frames - count) // 2
        share = (np.arange(frames) - extra) / max(count - 1, 1) - 0.5  # -0.5 to 0.5 over the clip
        zero = np.zeros(frames)
        pitch = view.pitch
        if view.height is not None:
            pitch = pitch + np.arctan2(view.height - self.middle[1], distance)
        amount = view.amount * share
        orbit = amount if view.move == "orbit" else zero
        distances = distance + (amount if view.move == "dolly" else zero)
        pan = amount if view.move == "pan" else zero
        turn, tilt, roll, sideways, lift = zero, zero, zero, zero, zero
        if view.move == "handheld":
            seconds = (np.arange(frames) - extra) / self.fps
            turn, tilt, roll, sideways, lift = view.amount * shake(view.phase, seconds)
            roll, sideways, lift = 0.7 * roll, _SHAKE_METRES * sideways, _SHAKE_METRES * lift
        aim = np.zeros(2)
        if view.policy == "standing":
            assert view.height is not None
            standpoint = np.array([self.middle[0], view.height, self.middle[2]])
            positions = standpoint - distances[:, None] * looking(yaw + orbit, zero)[:, 2]
            aim, slide = np.arctan2(slide, distance), np.zeros(2)
        standing = looking(yaw + orbit, zero + pitch)
        if view.policy != "standing":
            positions = self.middle - distances[:, None] * standing[:, 2]
        positions = positions + sideways[:, None] * standing[:, 0] - lift[:, None] * standing[:, 1]
        # A pan turns about the vertical (as on a tripod, to the right); a hand about the camera's axes.
        shaken = Rotation.from_rotvec(np.stack([tilt, turn, roll], axis=1)).as_matrix()
        rotations = shaken @ looking(yaw + orbit - pan + aim[0], zero + pitch - aim[1])
        translations = -np.einsum("tij,tj->ti", rotations, positions)
        translations[:, :2] += slide
        return rotations, translations

    def cameras(
        self, yaw: float, distance: float, slide: np.ndarray, frames: int
    ) -> tuple[Camera, ...]:
        """The cameras of `path`."""
        intrinsics = intrinsic_matrix(self.view.focal, (self.width / 2, self.height / 2))
        return tuple(
            Camera(
                intrinsics=intrinsics,
                rotation=rotation,
                translation=translation,
                width=self.width,
                height=self.height,
            )
            for rotation, translation in zip(*self.path(yaw, distance, slide, frames))
        )

    def box(
        self, yaw: float, distance: float, slide: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """The box around the whole clip (see `flesh_boxes`)."""
        rotations, translations = self.path(yaw, distance, slide, len(self.joints))
        return flesh_boxes(
            *(self.joints, rotations, translations, self.view),
            height=self.height,
            width=self.width,
        )

    def fits(self, box: tuple[np.ndarray, np.ndarray, float]) -> bool:
        """Whether a box is in the frame, and what it is of before the camera."""
        low, high, nearest = box
        return bool(
            nearest > 1.0 and (low >= self.view.border).all() and (high <= self.far_border).all()
        )

    def step_back(self, yaw: float) -> tuple[float, np.ndarray]:
        """About the smallest distance from the view's on at which all fits, and the slide for it."""
        free = self.far_border - self.view.border
        distance = self.view.distance
        while True:
            slide, box = self.centred(yaw, distance)
            low, high, _ = box
            if self.fits(box):
                return distance, slide
            if not distance < _FARTHEST:  # NaN is not, either
                raise ValueError(
                    f"no distance up to {_FARTHEST:g} m shows the whole clip; expected a smaller move, "
                    "border or focal length"
                )
            excess = np.nan_to_num((high - low) / free, posinf=1.5).max(initial=0.0)
            distance *= max(1.01, min(excess, 1.5) ** 0.8)

    def centred(
        self, yaw: float, distance: float
    ) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, float]]:
        """The slide that brings the box to the middle of the picture, and the box."""
        slide = np.zeros(2)
        for _ in range(20):
            box = low, high, _ = self.box(yaw, distance, slide)
            shift = np.array([self.width, self.height]) / 2 - (low + high) / 2
            if not np.isfinite(shift).all() or np.abs(shift).max() < 0.5:
                break
            slide = slide + shift * distance / self.view.focal
        return slide, box

    def off_centre(
        self,
        yaw: float,
        distance: float,
        slide: np.ndarray,
        offset: tuple[float, float] | None = None,
    ) -> np.ndarray:
        """The slide that moves the person by the view's offset, as far as everything still fits.

        `offset` takes the place of the view's.
        """
        low, high, nearest = self.box(yaw, distance, slide)
        margin = self.far_border - self.view.border - (high - low)
        share = np.array(self.view.offset if offset is None else offset)
        for _ in range(8):
            moved = slide + share * margin * nearest / self.view.focal
            if self.fits(self.box(yaw, distance, moved)):
                return moved
            share = share / 2
        return slide


def looking(yaw: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """Rotations (T,3,3) of cameras at `yaw` (0: they stand at +z) that look down by `pitch`."""
    sine, cosine, zero = np.sin(yaw), np.cos(yaw), np.zeros_like(yaw)
    right = np.stack([cosine, zero, -sine], axis=1)
    level = np.cos(pitch)
    forward = np.stack([-sine * level, -np.sin(pitch), -cosine * level], axis=1)
    return np.stack([right, np.cross(forward, right), forward], axis=1)


def shake(phase: int, seconds: np.ndarray) -> np.ndarray:
    """Five smooth wanderings about 0, each at most about 1, at times `seconds` (T,): (5, T).

    Sums of sines of a hand's sway and tremble; `phase` seeds where each of them begins.
    """
    rng = np.random.default_rng(phase)
    starts = rng.uniform(0, 2 * np.pi, size=(5, len(_SHAKE_HERTZ), 1))
    pace = np.array(_SHAKE_HERTZ)[:, None] * rng.uniform(0.8, 1.25, size=(5, len(_SHAKE_HERTZ), 1))
    waves = np.sin(2 * np.pi * pace * seconds + starts)
    return (np.array(_SHAKE_SHARES)[:, None] * waves).sum(axis=1)
