"""What videos hold, as a digest: the identity of the data that a training or a prediction is of."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from action_recog.errors import BadInput
from action_recog.json_files import Sha256, read_json
from action_recog.videos.byte_ranges import byte_range
from action_recog.videos.labelled_videos import VideoSet

_Row = tuple[int, int, int, Sha256]
"""Bytes, time of modification, time of the last change of the inode, digest."""


class ContentDigests:
    """SHA-256 of files, remembered with size and times, so that a file is read once.

    Args:
        path: JSON file in which digests are remembered; None forgets them with the object. A file
            that cannot be read is as good as none: everything is hashed again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path
        self._remembered: dict[str, _Row] = {}
        if path is not None and path.is_file():
            try:
                self._remembered = read_json(path, dict[str, _Row], advice="it is made again")
            except BadInput:
                self._remembered = {}

    def of_file(self, path: str | os.PathLike[str]) -> str:
        """SHA-256 of a file's bytes; read only where its size or one of its times is new.

        A member of a shard is read again where the shard's are.
        """
        path = Path(path).resolve()
        content = byte_range(path)
        stat = content.file.stat()
        # The time of the last change of the inode betrays content that was replaced under an old
        # modification time (`cp -p`, rsync).
        state = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
        row = self._remembered.get(str(path))
        if row is None or row[:3] != state:
            row = (*state, content.sha256())
            self._remembered[str(path)] = row
        return row[3]

    def of_videos(self, videos: VideoSet) -> str:
        """SHA-256 of a set: its classes, and name, label, group and content of every video."""
        rows = [[v.name, v.label, v.group, self.of_file(v.path)] for v in videos.videos]
        text = json.dumps([list(videos.classes), videos.stand_in, rows])
        return hashlib.sha256(text.encode()).hexdigest()

    def text(self) -> str:
        """The content of the file in which the digests are remembered."""
        return json.dumps(self._remembered, indent=0) + "\n"
