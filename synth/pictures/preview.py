"""A film of a motion in seconds, without Blender: the body or a stick figure on a floor.

The body's left side is orange and its right side blue, its head has a face, so that a mirrored or
turned-round person is plain at a glance; feet leave prints where they touch the floor, so that
floating and skating are too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

from mocap.bodies.body import JOINT_NAMES, Body
from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.library.motion_library import (
    INDEX_NAME,
    MotionEntry,
    MotionLibrary,
    load_motion,
    open_motion_library,
)
from mocap.motion import Motion
from mocap.retargeting.ground import chain_joints, foot_heights, global_rotations, soles_of
from synth.pictures.preview_figures import (
    INK,
    LEFT,
    RIGHT,
    PreviewFigure,
    bodies,
    draw_prints,
    sticks,
)
from synth.pictures.preview_scene import VIEWS, camera_path, flesh_of, floor_picture
from textures.library import listed_texture
from textures.market1501 import read_image
from textures.visibility.uv_layout import check_layout

_TOUCHING = 0.008  # metres between sole and floor at which a foot leaves a print
_PRINTS = 1.5  # seconds that they stay
_STRIP = (2, 4)  # rows and columns


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a preview looks.

    `view` is one of `preview_scene.VIEWS`; `stick`: bones instead of the body; `texture` (S, S, 3) RGB
    uint8 in the body's UV layout, or None for left and right in colours.
    """

    view: str = "three-quarter"
    height: int = 480
    width: int = 640
    stick: bool = False
    texture: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise ValueError(f"view {self.view!r} is not one of {', '.join(VIEWS)}")
        if min(self.width, self.height) < 64 or self.width % 2 or self.height % 2:
            raise ValueError(f"{self.width}x{self.height}: H.264 wants even numbers from 64 on")


def find_motion(
    path: Path | str, name: str | None = None, *, fps: float | None = None
) -> MotionEntry:
    """The motion in the file `path`, or the motion `name` ("02_01") in the folder `path`.

    A file with many motions needs the name too. `fps` is the frame rate of a motion that neither its
    file nor an index knows. Raises BadInput, with what there is to choose from, when there is no such
    motion or it cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        library = open_motion_library(path, fps=fps)
        return _chosen(library.entries, library, name, path)
    if not path.is_file():
        raise BadInput(f"{path}: no such file or folder; name a motion, or a folder and a motion")
    problem = BadInput(f"{path}: not a file of motion, expected one that `synth motions` lists")
    for folder in _folders_with_its_index(path):
        try:
            library = open_motion_library(folder, fps=fps)
        except BadInput as error:
            problem = error
            continue
        entries = [e for e in library.entries if e.path.resolve() == path.resolve()]
        if entries:
            return _chosen(entries, library, name, path)
        reasons = [
            reason for skipped, reason in library.skipped if skipped.resolve() == path.resolve()
        ]
        problem = BadInput(reasons[0]) if reasons else problem
    raise problem


def _chosen(
    entries: Sequence[MotionEntry], library: MotionLibrary, name: str | None, path: Path
) -> MotionEntry:
    if name is None and len(entries) == 1:
        return entries[0]
    for entry in entries:
        if entry.name == name:
            return entry
    for skipped, reason in library.skipped:
        if skipped.stem == name:
            raise BadInput(reason)
    names = ", ".join(entry.name for entry in entries[:12])
    ending = f" and {len(entries) - 12} more" if len(entries) > 12 else ""
    subject = f"no motion '{name}'" if name else f"{len(entries)} motions"
    raise BadInput(f"{path}: found {subject}, expected the name of one of {names}{ending}")


def _folders_with_its_index(path: Path) -> list[Path]:
    """The file's own folder, and the nearest one above (of three) that has an index of motions."""
    folder = path.parent
    indexed = [parent for parent in folder.resolve().parents[:3] if (parent / INDEX_NAME).is_file()]
    return [folder, *indexed[:1]]


def read_texture(path: Path | str, body: Body) -> np.ndarray:
    """A texture (S, S, 3) RGB uint8.

    Where a texture library lies around it, the UV layout that it states must be the body's. Raises
    BadInput.
    """
    path = Path(path)
    image = read_image(path)
    if image.shape[0] != image.shape[1]:
        size = f"{image.shape[1]}x{image.shape[0]}"
        raise BadInput(f"{path}: {size} pixels, expected a square texture of a body; give another")
    entry = listed_texture(path)
    if entry is not None:
        check_layout(entry.uv_layout, body.mesh, str(path))
    return image


def preview_frames(motion: Motion, body: Body, look: Look, title: str = "") -> Iterator[np.ndarray]:
    """The film's frames, RGB uint8 (H, W, 3), one for each of the motion's; the mean shape moves."""
    rotations = global_rotations(motion.pose)
    pelvis = motion.translation + body.rest_joints[0]
    joints = chain_joints(rotations, body.rest_joints) + pelvis[:, None]
    soles = soles_of(body)
    touching = foot_heights(rotations, soles) + pelvis[:, 1:2] < _TOUCHING
    cameras = camera_path(
        joints,
        flesh_of(body),
        view=look.view,
        fps=motion.fps,
        width=look.width,
        height=look.height,
    )
    figures: Iterator[PreviewFigure]
    if look.stick:
        figures = sticks(joints, rotations[:, JOINT_NAMES.index("head"), :, 2])
    else:
        figures = bodies(motion, body, look.texture)
    floor = np.empty((0, 0, 3), np.uint8)
    floor_view: np.ndarray | None = None
    for index, (camera, figure) in enumerate(zip(cameras, figures, strict=True)):
        view = np.c_[camera.rotation, camera.translation]
        if floor_view is None or not np.array_equal(view, floor_view):
            floor, floor_view = floor_picture(camera), view
        image = floor.copy()
        recent = slice(max(0, index + 1 - round(_PRINTS * motion.fps)), index + 1)
        draw_prints(image, camera, joints[recent], touching[recent])
        figure.draw_shadow(image, camera)
        image = figure.draw(image, camera)
        _caption(image, title or motion.name, index, len(motion), motion.fps)
        yield image


def _caption(image: np.ndarray, title: str, index: int, count: int, fps: float) -> None:
    """Name above; frame, time and the colours' meaning below."""
    size = image.shape[0] / 480 * 0.5
    words = title.encode("ascii", "replace").decode()
    top, bottom = round(20 * size * 2), image.shape[0] - round(6 * size * 2)

    def write(text: str, x: int, y: int, colour: tuple[int, int, int]) -> int:
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
        return x + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]

    write(words, 8, top, INK)
    write(f"frame {index + 1}/{count}  {index / fps:.2f} s", 8, bottom, INK)
    right = cv2.getTextSize("left right", cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0]
    x = write("left ", image.shape[1] - right - 8, bottom, LEFT)
    write("right", x, bottom, RIGHT)


def write_preview(
    path: Path | str,
    motion: Motion,
    body: Body,
    look: Look,
    *,
    title: str = "",
    strip: Path | str | None = None,
) -> None:
    """The film as H.264 into `path` (.mp4), and into `strip` (.png) eight of its frames.

    Files appear whole or not at all. Raises BadInput for a path that cannot be written.
    """
    frames = preview_frames(motion, body, look, title)
    shown = set(np.linspace(0, len(motion) - 1, _STRIP[0] * _STRIP[1]).round().astype(int).tolist())
    pictures = []
    try:
        with atomic_write(path) as temporary, _VideoWriter(temporary, look, motion.fps) as film:
            for index, frame in enumerate(
                tqdm(frames, total=len(motion), desc="preview", unit="frame", delay=1)
            ):
                film.add(frame)
                if strip is not None and index in shown:
                    pictures.append(frame)
        if strip is not None:
            with atomic_write(strip) as temporary:
                encoded = cv2.imencode(".png", _sheet(pictures)[..., ::-1])[1]
                temporary.write_bytes(encoded.tobytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error}); give another --out") from error


def _sheet(pictures: list[np.ndarray]) -> np.ndarray:
    """Frames at half size in rows of four."""
    height, width = (side // 2 for side in pictures[0].shape[:2])
    small = [cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA) for p in pictures]
    small += [np.full_like(small[0], 255)] * (-len(small) % _STRIP[1])
    starts = range(0, len(small), _STRIP[1])
    return np.vstack([np.hstack(small[start : start + _STRIP[1]]) for start in starts])


class _VideoWriter:
    """An H.264 file that grows by RGB frames; one thread."""

    def __init__(self, path: Path, look: Look, fps: float) -> None:
        self.file = av.open(str(path), "w", options={"movflags": "+faststart"})
        self.stream = self.file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        self.stream.width, self.stream.height = look.width, look.height
        self.stream.pix_fmt = "yuv420p"
        self.stream.thread_count = 1
        self.stream.options = {"crf": "23", "preset": "superfast", "threads": "1"}

    def add(self, frame: np.ndarray) -> None:
        """Encode one more frame (H, W, 3) RGB uint8."""
        yuv = cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
        self.file.mux(self.stream.encode(av.VideoFrame.from_ndarray(yuv, format="yuv420p")))

    def __enter__(self) -> _VideoWriter:
        return self

    def __exit__(self, failure: type | None, *details: object) -> None:
        if failure is None:
            self.file.mux(self.stream.encode())
        self.file.close()


@dataclass(frozen=True)
class WrittenPreview:
    """What was written: the film, its number of frames and seconds, and the strip, if any."""

    path: Path
    frames: int
    seconds: float
    strip: Path | None


def film_motion(
    motion: Path | str,
    name: str | None = None,
    *,
    out: Path | str | None = None,
    view: str = "three-quarter",
    size: tuple[int, int] = (640, 480),
    stick: bool = False,
    fps: float = 30.0,
    source_fps: float | None = None,
    texture: Path | str | None = None,
    strip: bool = False,
    bodies: BodySource | None = None,
    gender: str = "neutral",
) -> WrittenPreview:
    """Film a motion of a body; what `synth preview` and `synth dress` do.

    Args:
        motion: a file of motion, or a folder of them (see `find_motion`).
        name: of the motion in the folder or the file.
        out: the film; NAME.mp4 by default.
        view: one of `preview_scene.VIEWS`.
        size: width and height of the film, in pixels.
        stick: bones instead of the body.
        fps: the film's frame rate.
        source_fps: the frame rate of a motion that neither its file nor an index knows.
        texture: a picture for the body, in its UV layout.
        strip: whether eight frames are written into a picture, too: the film's name with .png.
        bodies: the free body when None, or the user's file.
        gender: of the free body.

    Returns:
        What was written.

    Raises:
        BadInput: no such motion, a texture that does not fit, or a path that cannot be written.
    """
    entry = find_motion(motion, name, fps=source_fps)
    path = Path(out) if out is not None else Path(f"{entry.name}.mp4")
    if path.suffix.lower() != ".mp4":
        raise BadInput(f"{path}: found the ending '{path.suffix}', expected --out FILE.mp4")
    body = (bodies or BodySource()).load(gender)
    painted = None if texture is None else read_texture(texture, body)
    look = Look(view=view, width=size[0], height=size[1], stick=stick, texture=painted)
    moving = load_motion(entry, body, fps)
    sheet = path.with_suffix(".png") if strip else None
    title = entry.name
    if entry.description and entry.description != entry.name:
        title += f"  {entry.description[:60]}"
    write_preview(path, moving, body, look, title=title, strip=sheet)
    return WrittenPreview(path, len(moving), len(moving) / fps, sheet)
