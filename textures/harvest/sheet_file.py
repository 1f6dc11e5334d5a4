"""contact_sheet.png: some of a library's textures beside their crops, to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.skinning import skin
from mocap.files import atomic_write
from textures.body_fit.fitting import BodyFit
from textures.harvest.contact_sheet import CONTACT_SHEET, GREY, captioned, sheet_row, stacked
from textures.harvest.crop_image import read_crop
from textures.harvest.harvester import BATCH, Harvester
from textures.library import TextureEntry, read_texture, write_image
from textures.visibility.camera import Camera


@dataclass(frozen=True)
class ShownFit:
    """One crop's fitted body, small enough to be kept until the sheet is drawn."""

    pose: np.ndarray
    betas: np.ndarray
    translation: np.ndarray
    camera: Camera


def shown_fit(fit: BodyFit, index: int) -> ShownFit:
    """The fit of one of several crops."""
    return ShownFit(
        fit.pose[index].copy(),
        fit.betas[index].copy(),
        fit.translation[index].copy(),
        fit.cameras[index],
    )


def write_contact_sheet(
    out: Path,
    entries: Sequence[TextureEntry],
    paths: Mapping[str, Path],
    fits: Mapping[str, ShownFit],
    harvester: Harvester,
    limit: int,
) -> Path | None:
    """Write contact_sheet.png: up to `limit` textures, evenly spaced; None without any.

    Args:
        out: the library's folder.
        entries: of textures whose crop is at hand.
        paths: of the crops, by source.
        fits: of the crops whose textures were made just now, by texture; others are fitted.
        harvester: fits them. Where it gives textures faces that are nobody's, crops are not shown.
        limit: rows.
    """
    if not entries:
        return None
    spaced = np.linspace(0, len(entries) - 1, min(limit, len(entries)))
    chosen = [entries[index] for index in np.unique(spaced.round().astype(int))]
    rows = []
    for start in range(0, len(chosen), BATCH):
        chunk = chosen[start : start + BATCH]
        pictures = [
            read_crop(paths[entry.source], entry.boxes.get(entry.source)) for entry in chunk
        ]
        missing = [number for number, entry in enumerate(chunk) if entry.file not in fits]
        shown = {
            number: fits[entry.file] for number, entry in enumerate(chunk) if entry.file in fits
        }
        if missing:
            fitted = harvester.fit([pictures[number] for number in missing])
            shown |= {number: shown_fit(fitted, n) for n, number in enumerate(missing)}
        for number, entry in enumerate(chunk):
            fit, pixels = shown[number], pictures[number].pixels
            vertices, _ = skin(
                harvester.skinning,
                pose=fit.pose[None],
                betas=fit.betas[None],
                translation=fit.translation[None],
            )
            row = sheet_row(
                harvester.body,
                harvester.skinning,
                np.full_like(pixels, GREY) if harvester.anonymous_faces else pixels,
                read_texture(out / entry.file),
                vertices[0],
                fit.camera,
                fit.betas,
            )
            rows.append(captioned(row, row_caption(entry)))
    path = Path(out) / CONTACT_SHEET
    with atomic_write(path) as temporary:
        write_image(temporary, stacked(rows, columns=2 if len(rows) > 6 else 1))
    return path


def row_caption(entry: TextureEntry) -> str:
    """What is said above a texture's row: its file, whom it shows, of how many crops, how well."""
    parts = [entry.file, f"person {entry.identity}", f"best of {entry.crops} crops: {entry.source}"]
    if entry.crops == 1:
        parts[2] = entry.source
    if entry.source in entry.boxes:
        parts[2] += " (cut)"
    if "quality" in entry.scores:
        parts.insert(1, f"quality {entry.scores['quality']:.2f}")
    return " | ".join(parts)
