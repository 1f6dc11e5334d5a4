"""A clip as one film for people who look: every channel that it has, side by side, with its joints."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.clips.clip import INFO, Clip, read_clip, write_video
from synth.clips.video_files import frame_rate
from synth.pictures.channel_mosaic import body_window
from synth.pictures.channel_sheet import ChannelRanges, clip_tiles, labelled_tile
from synth.scene.ground_truth import CHANNELS

_COLUMNS = 4
_GREY = 96
# Which channel on disk a tile shows; the film and the joints are of every clip.
_TILE_CHANNELS = {
    **{"parts": "segm", "depth": "depth", "normals": "normal", "uv": "uv", "tracks": "tracks"},
    **{"flow to next": "gtflow", "flow to last": "gtflow", "occlusion": "occlusion"},
    **{"instances": "instances"},
}


def clip_stem(path: Path) -> Path:
    """A clip's path without suffix, from that, its film or its information.

    Raises:
        BadInput: there is no such clip.
    """
    text = str(path)
    stem = Path(text.removesuffix(INFO).removesuffix(".mp4"))
    if path.is_dir():
        raise BadInput(f"{path}: is a folder, expected one clip in it: its .mp4 or _info.mat")
    if not Path(f"{stem}{INFO}").is_file():
        raise BadInput(
            f"{path}: no clip there, expected its .mp4 with {stem.name}{INFO} beside it, of "
            "`synth render-videos`"
        )
    return stem


def view_frames(
    clip: Clip, *, channels: Collection[str] = CHANNELS, close: bool = False
) -> Iterator[np.ndarray]:
    """The film of all channels, frame by frame, RGB uint8.

    Tiles of the film's size lie in rows of four; colours mean the same in every frame.

    Args:
        clip: the film, its joints, and its stored channels are shown.
        channels: those that may be shown.
        close: all but the film are enlarged to where the body is during the clip.

    Raises:
        ValueError: to be close the clip has no parts, which say where the body is.
    """
    height, width = clip.frames.shape[1:3]
    ranges = ChannelRanges.of_clip(clip)
    window = (slice(0, height), slice(0, width))
    if close:
        window = body_window(clip.truth.mask, (height, width))
    for frame in range(len(clip.frames)):
        shown = []
        for name, tile in clip_tiles(clip, frame, ranges=ranges, bones=True).items():
            if tile is None or (name in _TILE_CHANNELS and _TILE_CHANNELS[name] not in channels):
                continue
            if name != "film":
                tile = np.ascontiguousarray(tile[window])
                tile = cv2.resize(tile, (width, height), interpolation=cv2.INTER_NEAREST)
            shown.append(labelled_tile(name, tile.copy()))
        columns = min(_COLUMNS, len(shown))
        shown += [np.full_like(shown[0], _GREY)] * (-len(shown) % columns)
        starts = range(0, len(shown), columns)
        grid = np.vstack([np.hstack(shown[start : start + columns]) for start in starts])
        yield np.pad(grid, [(0, grid.shape[0] % 2), (0, grid.shape[1] % 2), (0, 0)], mode="edge")


def write_clip_view(
    clip_path: Path,
    out: Path,
    *,
    channels: Collection[str] | None = None,
    close: bool = False,
) -> tuple[int, list[str]]:
    """Write all channels of a clip as one film, whole; what `synth view` does.

    Args:
        clip_path: the clip's .mp4 or _info.mat, or its path without suffix.
        out: the film, .mp4.
        channels: those that are shown; None for all that are stored.
        close: see `view_frames`.

    Returns:
        How many frames it has, and of all channels those that the clip has not.

    Raises:
        BadInput: no such clip, a damaged one, a name that is no film's, or a wanted channel that is not
            stored.
    """
    if out.suffix.lower() != ".mp4":
        raise BadInput(f"--out {out}: found the ending '{out.suffix}', expected .mp4")
    stem = clip_stem(clip_path)
    if out.resolve() == Path(f"{stem}.mp4").resolve():
        raise BadInput(f"--out {out}: is the clip's film itself; give another name")
    needed = None if channels is None else {*channels, *(("segm",) if close else ())}
    clip = read_clip(stem, None if needed is None else sorted(needed))
    if close and clip.truth.parts is None:
        raise BadInput(
            f"{stem}: --close needs segm, which says where the body is; it is not stored"
        )
    tiles = clip_tiles(clip, 0)
    lacking = sorted({_TILE_CHANNELS[name] for name, tile in tiles.items() if tile is None})
    pictures = tqdm(
        view_frames(clip, channels=channels or CHANNELS, close=close),
        desc=out.name,
        total=len(clip.frames),
        unit="frame",
    )
    with atomic_write(out) as temporary:
        write_video(temporary, pictures, frame_rate(Path(f"{stem}.mp4")))
    return len(clip.frames), lacking if channels is None else []
