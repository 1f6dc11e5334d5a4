"""Surveys of videos kept on disk, under the digest of the videos' bytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from action_recog.errors import BadInput
from action_recog.json_files import Sha256, read_json
from action_recog.videos.containers import MOST_PACKETS
from action_recog.videos.pictures import Salvage
from action_recog.videos.survey import SURVEY_VERSION, VideoSurvey
from action_recog.videos.whole_files import whole_file

_Count = Annotated[int, Meta(ge=0, le=2 * MOST_PACKETS)]
_Pixels = Annotated[int, Meta(ge=1, le=100_000)]
_ADVICE = "it is made again"


@dataclass(frozen=True, kw_only=True)
class _SurveyFile:
    """A survey as it lies on disk; arrays are little-endian bytes in base64."""

    version: int
    sha256: Sha256
    codec: str
    height: _Pixels
    width: _Pixels
    frame_rate: Annotated[float, Meta(gt=0, le=1e6)]
    packets: _Count
    count: Annotated[int, Meta(ge=1, le=2 * MOST_PACKETS)]
    times: bytes
    checksums: bytes
    keys: bytes
    linear_reason: str | None
    salvage: Salvage | None
    is_careful: bool


def write_survey(path: Path, survey: VideoSurvey, *, sha256: str) -> None:
    """Write a survey.

    Args:
        path: Name of the file.
        survey: Survey of a video.
        sha256: Digest of the video's bytes.
    """
    record = _SurveyFile(
        version=SURVEY_VERSION,
        sha256=sha256,
        codec=survey.codec,
        height=survey.height,
        width=survey.width,
        frame_rate=survey.frame_rate,
        packets=survey.packets,
        count=survey.count,
        times=survey.times.astype("<i8").tobytes(),
        checksums=survey.checksums.astype("<u4").tobytes(),
        keys=survey.keys.astype("<i8").tobytes(),
        linear_reason=survey.linear_reason,
        salvage=survey.salvage,
        is_careful=survey.is_careful,
    )
    with whole_file(path) as file:
        file.write(msgspec.json.encode(record) + b"\n")


def read_survey(path: Path, *, sha256: str) -> VideoSurvey:
    """Read the survey of a video.

    Args:
        path: File that `write_survey` wrote.
        sha256: Digest of the video's bytes.

    Raises:
        BadInput: For a file that is missing, damaged, of another version or of another video.
    """
    record = read_json(path, _SurveyFile, advice=_ADVICE)
    if record.version != SURVEY_VERSION or record.sha256 != sha256:
        raise BadInput(
            f"{path}: a survey of version {record.version} of the video {record.sha256}, expected "
            f"version {SURVEY_VERSION} of {sha256}; {_ADVICE}"
        )
    try:
        times = np.frombuffer(record.times, "<i8")
        checksums = np.frombuffer(record.checksums, "<u4")
        keys = np.frombuffer(record.keys, "<i8")
    except ValueError:
        raise BadInput(f"{path}: an array that is cut; {_ADVICE}") from None
    whole = len(times) == len(checksums) == record.count and len(keys) > 0
    if not whole or keys[0] != 0 or keys[-1] >= record.count or np.any(np.diff(keys) <= 0):
        raise BadInput(f"{path}: arrays that do not fit {record.count} frames; {_ADVICE}")
    return VideoSurvey(
        codec=record.codec,
        height=record.height,
        width=record.width,
        frame_rate=record.frame_rate,
        packets=record.packets,
        count=record.count,
        times=times,
        checksums=checksums,
        keys=keys,
        linear_reason=record.linear_reason,
        salvage=record.salvage,
        is_careful=record.is_careful,
    )
