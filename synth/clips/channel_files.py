"""The dense channels of a clip on disk, in either of two layouts.

"surreal" is SURREAL's .mat to the letter, its mirrored picture included, with further .mat files for what
it lacked; "compact" holds the same in our conventions and far fewer bytes, real numbers to a stated
error. Either is read by the same call, in our conventions.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from synth.clips.compact_channels import compact_files, read_compact, write_compact
from synth.clips.surreal_camera import surreal_camera
from synth.clips.surreal_channels import read_surreal, surreal_files, write_surreal
from synth.plans.plan_row import LAYOUTS
from synth.scene.ground_truth import CHANNELS, GroundTruth
from textures.visibility.camera import Camera

SHARP = "_sharp.mp4"
"""Suffix of the film without its lens, which is there where a row asks for it."""

_ADVICE = "render the clip again, or recompute the channel"


def clip_files(
    channels: Iterable[str], layout: str = "surreal", *, sharp: bool = False
) -> list[str]:
    """Suffixes of all files of a clip; the one that says "published" comes last.

    `sharp`: the film without its lens is among them.

    Raises ValueError for an unknown layout or channel.
    """
    films = [".mp4", SHARP] if sharp else [".mp4"]
    files = [*films, *channel_files(channels, layout)]
    # Who reads SURREAL's release counts its files by four: what the checks measured lies in the info.
    return [*files, "_info.mat"] if layout == "surreal" else [*files, "_check.json", "_info.mat"]


def channel_files(channels: Iterable[str], layout: str) -> list[str]:
    """Suffixes of the files of `channels` alone."""
    channels = _checked(channels, layout)
    return compact_files(channels) if layout == "compact" else surreal_files(channels)


def write_channels(
    stem: str | os.PathLike[str],
    truth: GroundTruth,
    channels: Iterable[str],
    layout: str,
    *,
    cameras: Sequence[Camera] = (),
) -> None:
    """Write the dense channels of a clip; the same arrays, the same bytes.

    Args:
        stem: the clip's path without suffix.
        truth: what is written.
        channels: of `synth.scene.ground_truth.CHANNELS`.
        layout: "surreal" or "compact".
        cameras: the clip's, which the layout "surreal" cannot do without.

    Raises:
        BadInput: the layout "surreal" and cameras that SURREAL's one camera cannot be.
        ValueError: an unknown layout or channel, a channel that `truth` lacks, the layout "surreal"
            without cameras and, in the layout "compact", values off the body or not finite.
    """
    channels = _checked(channels, layout)
    if layout == "compact":
        write_compact(str(stem), truth, channels)
        return
    if not cameras:
        raise ValueError("the layout surreal is written for the clip's cameras, found none")
    write_surreal(str(stem), truth, channels, surreal_camera(cameras))


def stored_channels(stem: str | os.PathLike[str]) -> dict[str, str]:
    """The layout of every channel of which the clip has a file.

    Raises BadInput where a channel has files in both.
    """
    layouts: dict[str, str] = {}
    for channel in CHANNELS:
        present = [
            layout
            for layout in LAYOUTS
            if Path(f"{stem}{channel_files([channel], layout)[-1]}").is_file()
        ]
        if len(present) > 1:
            names = " and ".join(channel_files([channel], layout)[-1] for layout in present)
            raise BadInput(f"{stem}: found both {names}, expected one; remove one of them")
        if present:
            layouts[channel] = present[0]
    return layouts


def read_channels(
    stem: str | os.PathLike[str],
    channels: Sequence[str] | None = None,
    *,
    frames: int | None = None,
) -> dict[str, np.ndarray]:
    """The fields of GroundTruth that a clip's channel files hold, whichever the layout.

    Args:
        stem: the clip's path without suffix.
        channels: those that are read; None: all that are stored.
        frames: how many the clip has, where the caller knows.

    Raises:
        BadInput: naming the file, where one is missing, damaged or of another length.
    """
    layout_of = stored_channels(stem)
    chosen = list(layout_of) if channels is None else _checked(channels, "surreal")
    for channel in chosen:
        if channel not in layout_of:
            names = " or ".join(channel_files([channel], layout)[-1] for layout in LAYOUTS)
            raise BadInput(f"{stem}: no {names}, expected the channel {channel}; {_ADVICE}")
    fields: dict[str, np.ndarray] = {}
    for layout, read in (("surreal", read_surreal), ("compact", read_compact)):
        fields |= read(str(stem), [channel for channel in chosen if layout_of[channel] == layout])
    lengths = {n: len(f) for n, f in fields.items() if not n.startswith("track_")}
    expected = frames if frames is not None else next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != expected:
            raise BadInput(f"{stem}: {length} frames of {name}, expected {expected}; {_ADVICE}")
    return fields


def _checked(channels: Iterable[str], layout: str) -> list[str]:
    """The channels in the order of `CHANNELS`."""
    channels = list(channels)
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout}; there are {', '.join(LAYOUTS)}")
    if unknown := sorted(set(channels) - set(CHANNELS)):
        raise ValueError(f"no channel {', '.join(unknown)}; there are {', '.join(CHANNELS)}")
    return [channel for channel in CHANNELS if channel in channels]
