"""One picture of a film set for people who look: a row per clip, a tile per channel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.clip import Clip, find_clips, read_clip
from synth.pictures.channel_mosaic import (
    body_window,
    depth_picture,
    flow_picture,
    instances_picture,
    joined_joints,
    normals_picture,
    parts_picture,
)
from textures.harvest.contact_sheet import captioned
from textures.library import write_image

CLIPS = 10
TILE = (240, 180)  # width, height in pixels
_SHOWN = (
    *("parts", "depth", "normals", "flow to next", "flow to last", "uv", "occlusion", "tracks"),
    "instances",
)
_EMPTY = 96  # grey of a channel that is not stored


def uv_picture(uv: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Texture coordinates (H,W,2) as RGB: u is red, v is green; background (face -1) black."""
    picture = np.zeros((*face.shape, 3), np.uint8)
    picture[..., :2] = np.clip(255 * uv, 0, 255).astype(np.uint8)
    picture[..., 2] = 90
    picture[face < 0] = 0
    return picture


def occlusion_picture(mask: np.ndarray, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """Body grey; red where it is not seen in the frame after, blue in the one before, all (H,W)."""
    picture = np.where(mask[..., None], np.uint8(110), np.uint8(0)).repeat(3, axis=-1)
    picture[forward, 0], picture[backward, 2] = 255, 255
    return picture


def tracks_picture(rgb: np.ndarray, pixels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The dimmed frame with its visible tracks (N,2); a track keeps its colour through the clip."""
    picture = rgb // 2
    hues = (np.arange(len(pixels)) * 47 % 180).astype(np.uint8)
    hsv = np.stack([hues, np.full_like(hues, 200), np.full_like(hues, 255)], axis=-1)
    colours = cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]
    for point, colour in zip(pixels[visible], colours[visible]):
        pixel = tuple(np.floor(point).astype(int).tolist())
        cv2.circle(picture, pixel, 1, colour.tolist(), -1)
    return picture


def bones_picture(picture: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """The picture with lines between the joints (24P, 2) pixels that are connected, drawn into it."""
    shift = 4
    drawable = np.isfinite(joints).all(axis=1) & (np.abs(np.nan_to_num(joints)) < 1e4).all(axis=1)
    points = np.round((np.nan_to_num(joints).clip(-1e4, 1e4) - 0.5) * 2**shift).astype(int)
    for joint, parent in joined_joints(len(points)):
        if drawable[joint] and drawable[parent]:
            ends = tuple(points[joint].tolist()), tuple(points[parent].tolist())
            cv2.line(picture, *ends, (255, 255, 255), 1, cv2.LINE_AA, shift)
    return picture


def joints_picture(rgb: np.ndarray, pixels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The frame with its joints (24P,2): filled and green where visible, red rings where hidden."""
    picture = rgb.copy()
    for point, is_visible in zip(pixels, visible):
        if not np.isfinite(point).all() or np.abs(point).max() > 1e4:
            continue
        pixel = tuple(np.floor(point).astype(int).tolist())
        cv2.circle(
            picture,
            pixel,
            2,
            (0, 230, 60) if is_visible else (255, 50, 50),
            -1 if is_visible else 1,
        )
    return picture


@dataclass(frozen=True)
class ChannelRanges:
    """What of depth and flow is shown brightest and darkest.

    Attributes:
        near: metres.
        far: metres.
        longest_flow: pixels.
    """

    near: float
    far: float
    longest_flow: float

    @staticmethod
    def of_clip(clip: Clip, frame: int | None = None) -> ChannelRanges:
        """The ranges of a clip, or of one of its frames; of a channel that is not stored any."""
        frames = slice(None) if frame is None else slice(frame, frame + 1)
        truth, near, far, longest = clip.truth, 0.0, 1.0, 0.0
        if truth.depth is not None:
            finite = truth.depth[frames][np.isfinite(truth.depth[frames])]
            if len(finite):
                near, far = float(finite.min()), float(finite.max())
        for flow in (truth.flow_forward, truth.flow_backward):
            if flow is not None:
                longest = max(longest, float(np.linalg.norm(flow[frames], axis=-1).max()))
        return ChannelRanges(near, far, longest)


def clip_tiles(
    clip: Clip, frame: int, *, ranges: ChannelRanges | None = None, bones: bool = False
) -> dict[str, np.ndarray | None]:
    """A picture (H,W,3) of each channel of a frame; None where it is not stored.

    Args:
        clip: the clip.
        frame: its number in the clip.
        ranges: of depth and flow; the frame's own when None.
        bones: whether joints are joined by lines.
    """
    truth, rgb = clip.truth, clip.frames[frame]
    ranges = ranges or ChannelRanges.of_clip(clip, frame)
    tiles: dict[str, np.ndarray | None] = dict.fromkeys(_SHOWN)
    ground = bones_picture(rgb.copy(), truth.joints2d[frame]) if bones else rgb
    joints = joints_picture(ground, truth.joints2d[frame], truth.require("joints_visible")[frame])
    tiles = {"film": rgb, "joints": joints, **tiles}
    if truth.parts is not None:
        tiles["parts"] = parts_picture(truth.parts[frame])
    if truth.instances is not None:
        tiles["instances"] = instances_picture(truth.instances[frame])
    if truth.depth is not None:
        tiles["depth"] = depth_picture(truth.depth[frame], ranges.near, ranges.far)
    if truth.normals is not None:
        tiles["normals"] = normals_picture(truth.normals[frame])
    if truth.flow_forward is not None and truth.flow_backward is not None:
        longest = ranges.longest_flow
        tiles["flow to next"] = flow_picture(truth.flow_forward[frame], longest)
        tiles["flow to last"] = flow_picture(truth.flow_backward[frame], longest)
    if truth.uv is not None and truth.face is not None:
        tiles["uv"] = uv_picture(truth.uv[frame], truth.face[frame])
    if truth.occlusion_forward is not None and truth.occlusion_backward is not None:
        forward, backward = truth.occlusion_forward[frame], truth.occlusion_backward[frame]
        body = truth.parts[frame] > 0 if truth.parts is not None else forward | backward
        tiles["occlusion"] = occlusion_picture(body, forward, backward)
    if truth.tracks2d is not None and truth.tracks_visible is not None:
        tiles["tracks"] = tracks_picture(rgb, truth.tracks2d[frame], truth.tracks_visible[frame])
    return tiles


def clip_row(clip: Clip) -> dict[str, np.ndarray | None]:
    """The middle frame of a clip: the whole frame, and each channel enlarged to the body.

    As tiles (TILE height, TILE width, 3) uint8; None where a channel is not stored.
    """
    frame = len(clip.frames) // 2
    tiles = clip_tiles(clip, frame)
    parts = clip.truth.parts
    height, width = clip.frames.shape[1:3]
    mask = np.zeros((1, height, width), bool) if parts is None else parts[[frame]] > 0
    window = body_window(mask, (height, width))
    shown = {}
    for name, tile in tiles.items():
        if tile is not None:
            tile = tile if name == "film" else tile[window]
            smooth = cv2.INTER_AREA if name == "film" else cv2.INTER_NEAREST
            tile = cv2.resize(np.ascontiguousarray(tile), TILE, interpolation=smooth)
        shown[name] = tile
    return shown


def labelled_tile(name: str, tile: np.ndarray | None) -> np.ndarray:
    """A tile with its name written into it, a grey one where there is none."""
    tile = np.full((*TILE[::-1], 3), _EMPTY, np.uint8) if tile is None else tile
    for colour, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(tile, name, (5, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, width, cv2.LINE_AA)
    return tile


def write_channel_sheet(path: Path, folder: Path, clips: int = CLIPS) -> None:
    """Write a picture of the middle frames of some clips, in the channels that any of them has.

    `clips` of them, evenly spread over the folder.

    Raises BadInput for a name that is no picture's and a clip that cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise BadInput(f"{path}: expected a picture's name, .jpg or .png")
    stems = list(find_clips(folder, clips))
    rows = [clip_row(read_clip(Path(folder) / stem)) for stem in stems]
    names = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    sheet = np.vstack(
        [
            captioned(np.hstack([labelled_tile(name, row[name]) for name in names]), str(stem))
            for stem, row in zip(stems, rows)
        ]
    )
    with atomic_write(path) as temporary:
        write_image(temporary, sheet)
