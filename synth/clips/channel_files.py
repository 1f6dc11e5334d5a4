"""The dense channels of a clip on disk, in either of two layouts.

"surreal" is SURREAL's .mat to the letter, with further .mat files for what it lacked; "compact"
holds the same in far fewer bytes, real numbers to a stated error. Both lie beside the same .mp4 and
``_info.mat``, and are read by the same call.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from mocap.errors import BadInput
from synth.clips.compact_channels import compact_files, read_compact, write_compact
from synth.clips.surreal_channels import read_surreal, surreal_files, write_surreal
from synth.plans.plan_row import LAYOUTS
from synth.scene.ground_truth import CHANNELS, GroundTruth

_ADVICE = "render the clip again, or recompute the channel"


def clip_files(channels: Iterable[str], layout: str = "surreal") -> list[str]:
    """What is appended to a stem; the file that says "published" comes last.

    Raises ValueError for an unknown layout or channel.
    """
    return [".mp4", *channel_files(channels, layout), "_check.json", "_info.mat"]


def channel_files(channels: Iterable[str], layout: str) -> list[str]:
    """What is appended to a stem for the files of ``channels`` alone."""
    channels = _checked(channels, layout)
    return compact_files(channels) if layout == "compact" else surreal_files(channels)


def write_channels(
    stem: str | os.PathLike[str], truth: GroundTruth, channels: Iterable[str], layout: str
) -> None:
    """Write the files of ``channels`` beside the clip ``stem``; the same arrays, the same bytes.

    Raises ValueError for an unknown layout or channel, a channel that ``truth`` lacks and, in the
    layout "compact", values off the body or not finite.
    """
    channels = _checked(channels, layout)
    (write_compact if layout == "compact" else write_surreal)(str(stem), truth, channels)


def stored_channels(stem: str | os.PathLike[str]) -> dict[str, str]:
    """The layout of every channel of which the clip has a file.

    Raises BadInput where a channel is there in both.
    """
    found = {}
    for channel in CHANNELS:
        there = [
            layout
            for layout in LAYOUTS
            if Path(f"{stem}{channel_files([channel], layout)[-1]}").is_file()
        ]
        if len(there) > 1:
            names = " and ".join(channel_files([channel], layout)[-1] for layout in there)
            raise BadInput(f"{stem}: found both {names}, expected one; remove one of them")
        if there:
            found[channel] = there[0]
    return found


def read_channels(
    stem: str | os.PathLike[str],
    channels: Sequence[str] | None = None,
    *,
    frames: int | None = None,
) -> dict[str, np.ndarray]:
    """The fields of GroundTruth that a clip's channel files hold, whichever the layout.

    ``channels`` None reads those that are there. ``frames`` says how many the clip has. Raises
    BadInput, naming the file, where one is missing, damaged or of another length.
    """
    there = stored_channels(stem)
    wanted = list(there) if channels is None else _checked(channels, "surreal")
    for channel in wanted:
        if channel not in there:
            names = " or ".join(channel_files([channel], layout)[-1] for layout in LAYOUTS)
            raise BadInput(f"{stem}: no {names}, expected the channel {channel}; {_ADVICE}")
    fields: dict[str, np.ndarray] = {}
    for layout, read in (("surreal", read_surreal), ("compact", read_compact)):
        fields |= read(str(stem), [channel for channel in wanted if there[channel] == layout])
    lengths = {n: len(f) for n, f in fields.items() if not n.startswith("track_")}
    expected = frames if frames is not None else next(iter(lengths.values()), 0)
    for name, length in lengths.items():
        if length != expected:
            raise BadInput(f"{stem}: {length} frames of {name}, expected {expected}; {_ADVICE}")
    return fields


def _checked(channels: Iterable[str], layout: str) -> list[str]:
    """The channels in the order of ``CHANNELS``."""
    channels = list(channels)
    if layout not in LAYOUTS:
        raise ValueError(f"no layout {layout}; there are {', '.join(LAYOUTS)}")
    if unknown := sorted(set(channels) - set(CHANNELS)):
        raise ValueError(f"no channel {', '.join(unknown)}; there are {', '.join(CHANNELS)}")
    return [channel for channel in CHANNELS if channel in channels]
