"""A texture library carried from one UV layout to another; what `synth convert-textures` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocap.bodies.free_body import UV_LAYOUT, load_free_body
from mocap.bodies.layout_mesh import LAYOUTS, layout_mesh
from mocap.errors import BadInput
from mocap.parsing.json_files import path_inside
from textures.conversion.layout_conversion import LayoutConversion, layout_conversions
from textures.conversion.registration import Registration, register
from textures.library import (
    MANIFEST,
    TextureEntry,
    read_library,
    read_manifest,
    read_texture,
    write_manifest,
    write_texture,
)
from textures.visibility.uv_layout import atlas

_MARK = "(converted from {})"  # ends the generator of a converted texture
_SIZES = (16, 8192)
_COMPARED = 4  # textures that are carried there and back, to say what is lost


@dataclass(frozen=True)
class ConvertedLibrary:
    """What was done.

    Attributes:
        entries: of the new library.
        left_out: why textures could not be converted.
        removed: how many of an earlier run went, which the library lists no longer.
        registration: of the two bodies.
        round_trip: mean difference of texels carried there and back, of 255.
    """

    entries: list[TextureEntry]
    left_out: list[str]
    removed: int
    registration: Registration
    round_trip: float


def convert_library(
    library: Path,
    out: Path,
    layout: str,
    *,
    model: Path | None = None,
    uv: Path | None = None,
    size: int | None = None,
    report: Callable[[str], None] = print,
) -> ConvertedLibrary:
    """Write a library's textures in another UV layout.

    One of the two layouts is the free body's. The same input gives the same bytes; run again it writes
    all anew and takes away what the library lists no longer.

    Args:
        library: a folder of textures of one layout.
        out: the new library's folder.
        layout: the new UV layout, one of `mocap.bodies.layout_mesh.LAYOUTS`.
        model: a model file of the layout that is not the free body's.
        uv: its .obj, which is enough alone.
        size: texels along a side; None for the largest of the library's.
        report: is told what is left out.

    Raises:
        BadInput: the library has textures of several layouts or of this one already, no mesh with the
            layout is given, or `out` holds another library.
    """
    library, out = Path(library), Path(out)
    if out.exists() and library.exists() and out.resolve() == library.resolve():
        raise BadInput(f"--out {out}: is the library itself; give another folder")
    entries = read_library(library)
    source_layout = _source_layout(library, entries, layout)
    mark = _MARK.format(source_layout)
    earlier = converted_files(out, layout, source_layout)
    size = size or max(entry.size for entry in entries)
    if not _SIZES[0] <= size <= _SIZES[1]:
        raise BadInput(f"--size {size}: expected {_SIZES[0]} to {_SIZES[1]} texels")
    other = source_layout if layout == UV_LAYOUT else layout
    body = load_free_body()
    mesh = layout_mesh(other, model=model, uv=uv)
    registration = register(body, mesh)
    conversions = layout_conversions(body, mesh, registration, size)
    forward, backward = conversions if source_layout == UV_LAYOUT else conversions[::-1]
    converted: list[TextureEntry] = []
    left_out: list[str] = []
    losses: list[float] = []
    for entry in tqdm(entries, desc="textures", unit="texture"):
        try:
            texture = read_texture(library / entry.file)
        except BadInput as error:
            left_out.append(str(error))
            report(f"left out: {error}")
            continue
        painted = forward.convert(texture)
        if len(losses) < _COMPARED and len(texture) == size:
            losses.append(_difference(texture, backward.convert(painted), backward))
        path = path_inside(out, entry.file)
        write_texture(path, painted)
        converted.append(
            dataclasses.replace(
                entry, uv_layout=layout, size=size, generator=f"{entry.generator} {mark}".strip()
            )
        )
    if not converted:
        raise BadInput(f"{library}: none of its {len(entries)} textures could be read")
    write_manifest(out, converted)
    gone = set(earlier) - {entry.file for entry in converted}
    for name in gone:
        path_inside(out, name).unlink(missing_ok=True)
    return ConvertedLibrary(
        entries=converted,
        left_out=left_out,
        removed=len(gone),
        registration=registration,
        round_trip=float(np.mean(losses)) if losses else float("nan"),
    )


def _source_layout(library: Path, entries: list[TextureEntry], layout: str) -> str:
    """The layout of all textures. Raises BadInput where it cannot be carried to the other."""
    layouts = sorted({entry.uv_layout for entry in entries})
    if len(layouts) > 1:
        raise BadInput(
            f"{library / MANIFEST}: textures of the UV layouts {', '.join(layouts)}, expected one; "
            "convert each in a folder of its own"
        )
    source = layouts[0]
    if source == layout:
        raise BadInput(f"{library}: its textures have UV layout {layout} already")
    if source not in LAYOUTS or UV_LAYOUT not in (source, layout):
        raise BadInput(
            f"{library}: from UV layout {source} to {layout} there is no way; expected one of the two "
            f"to be {UV_LAYOUT}, the other one of {', '.join(LAYOUTS[1:])}"
        )
    return source


def converted_files(out: Path, layout: str, source_layout: str) -> list[str]:
    """Files that an earlier conversion wrote to a folder.

    Args:
        out: the folder, which need not be there.
        layout: of the textures.
        source_layout: from which they were converted.

    Raises:
        BadInput: it holds a library that was not made so.
    """
    mark = _MARK.format(source_layout)
    if out.is_file():
        raise BadInput(f"--out {out}: is a file, expected a folder")
    if not (out / MANIFEST).is_file():
        return []
    entries = list(read_manifest(out).values())
    for entry in entries:
        if entry.uv_layout != layout or not entry.generator.endswith(mark):
            raise BadInput(
                f"--out {out}: holds a library that was not converted ({entry.file}, UV layout "
                f"{entry.uv_layout}); give another folder"
            )
    return [entry.file for entry in entries]


def _difference(texture: np.ndarray, returned: np.ndarray, back: LayoutConversion) -> float:
    """Mean difference of the texels on the surface, of 255."""
    covered = atlas(back.target, len(texture)).covered
    return float(np.abs(returned[covered].astype(int) - texture[covered]).mean())
