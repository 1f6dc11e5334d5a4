"""Which photographs of a folder are places, remembered between runs."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.library.folder_index import memory_path
from mocap.parsing.json_files import read_json_records
from synth.scene.places.photograph_analysis import (
    PhotographAnalysis,
    analyse_photograph,
    notes_path,
)
from synth.scene.places.scene_place import CAMERA_HEIGHT, PhotographCamera

ANALYSIS_VERSION = 4  # raised whenever a photograph would be analysed differently


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of what is remembered: an analysis, and the content that it is of."""

    digest: str
    analysis: PhotographAnalysis


def analyse_photographs(
    folder: Path,
    names: Sequence[str],
    *,
    camera_height: float = CAMERA_HEIGHT,
    workers: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, PhotographAnalysis]:
    """The analyses of photographs, those that were not made before are made now.

    Args:
        folder: where the photographs lie.
        names: relative to the folder.
        camera_height: metres above the floor from which they were taken, where no notes say.
        workers: threads; None: one per core.
        report: called with a line for each photograph whose notes cannot be read, which is left out.

    Returns:
        The analyses by name.
    """
    folder = Path(folder)
    memory = memory_path(folder, "places.jsonl")
    remembered = {row.digest: row.analysis for row in read_json_records(memory, _Row).values}
    digests = {name: _digest(folder / name, camera_height) for name in names}

    def analyse(name: str) -> PhotographAnalysis | BadInput:
        try:
            return analyse_photograph(folder / name, camera_height=camera_height)
        except BadInput as error:
            return error

    missing = [name for name in names if digests[name] not in remembered]
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as threads:
        for name, analysis in zip(missing, threads.map(analyse, missing)):
            if isinstance(analysis, BadInput):
                report(str(analysis))
            else:
                remembered[digests[name]] = analysis
    if missing:
        with atomic_write(memory) as temporary:
            lines = (
                json.dumps({"digest": digest, "analysis": asdict(analysis)})
                for digest, analysis in sorted(remembered.items())
            )
            temporary.write_text("".join(line + "\n" for line in lines))
    return {name: remembered[d] for name, d in digests.items() if d in remembered}


def usable_places(
    folder: Path,
    names: Sequence[str],
    *,
    camera_height: float = CAMERA_HEIGHT,
    workers: int | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, PhotographCamera]:
    """The cameras of those photographs in which people can stand, by name.

    The arguments are those of `analyse_photographs`; `report` is also told how many are of no use.
    """
    analyses = analyse_photographs(
        folder, names, camera_height=camera_height, workers=workers, report=report
    )
    unusable = {name: one.unusable for name, one in analyses.items() if one.unusable}
    if unusable:
        first = min(unusable)
        report(
            f"{folder}: {len(unusable)} of {len(names)} photographs show no floor that people could "
            f"stand on and are left out; the first, {first}: {unusable[first]} (`synth places` shows "
            "them all)"
        )
    return {name: one.camera for name, one in analyses.items() if not one.unusable}


def _digest(path: Path, camera_height: float) -> str:
    """Of all that an analysis follows from."""
    digest = hashlib.sha256(f"{ANALYSIS_VERSION} {camera_height!r} ".encode())
    for file in (path, notes_path(path)):
        content = file.read_bytes() if file.is_file() else b""
        digest.update(f"{len(content)} ".encode() + content)
    return digest.hexdigest()
