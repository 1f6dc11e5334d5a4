"""Grey bodies, the control that says what clothes and skin add: a texture library of one even grey.

Each split has one, so that `synth plan --against` pairs its films with those of any other library.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from mocap.bodies.body import Body
from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import read_json
from synth.standins.ucf101_layout import MARKER
from textures.library import (
    SPLITS,
    TextureEntry,
    sha256_of,
    write_manifest,
    write_texture,
)

GREY = 128  # of 255, sRGB


def write_grey_textures(out: Path, *, body: Body, size: int = 256) -> int:
    """Write a texture library of one even grey, a texture for each split.

    The folder appears whole or not at all. One that already holds the same textures is left as it is.

    Args:
        out: New folder.
        body: Body whose UV layout the textures are for.
        size: Texels along a side.

    Returns:
        The number of textures.

    Raises:
        BadInput: When `out` holds something else.
    """
    out = Path(out)
    settings = {"kind": "grey textures", "uv_layout": body.uv_layout, "size": size, "grey": GREY}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        marker, advice = out / MARKER, "remove the folder, or give another"
        if marker.is_file() and read_json(marker, dict[str, Any], advice=advice) == settings:
            return len(SPLITS)
        raise BadInput(f"{out}: already holds something else; remove it or give another folder")
    with atomic_write(out) as folder:
        folder.mkdir()
        write_manifest(folder, [_write_grey(folder, split, body, size) for split in SPLITS])
        (folder / MARKER).write_text(json.dumps(settings) + "\n")
    return len(SPLITS)


def _write_grey(folder: Path, split: str, body: Body, size: int) -> TextureEntry:
    name = f"grey_{split}.png"
    write_texture(folder / name, np.full((size, size, 3), GREY, np.uint8))
    return TextureEntry(
        file=name,
        uv_layout=body.uv_layout,
        size=size,
        source="even grey",
        source_sha256=sha256_of(folder / name),
        identity=f"grey-{split}",
        camera=None,
        split=split,
        licence="Apache-2.0",
        generator="grey",
        stand_in=True,
    )
