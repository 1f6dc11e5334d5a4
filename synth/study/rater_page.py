"""The raters' page: one set of files, served by `synth study serve` or written as a static folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from mocap.files import atomic_write
from synth.study.design import PICTURES, Study
from synth.study.sheets import blind_sheet

STATIC = "static"
PAGE_FILES = {
    "index.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
"""The page's files and their media types; `study.js`, which says what the study is, is generated."""

STUDY_SCRIPT = "study.js"
_FOLDER = Path(__file__).with_name("page")


def page_file(name: str) -> bytes:
    """The bytes of one of `PAGE_FILES`."""
    return (_FOLDER / name).read_bytes()


def study_script(study: Study, sheets: int | None = None) -> str:
    """What the page must know of the study, as a script.

    Args:
        study: that is shown.
        sheets: how many raters' sheets it holds, for a page without a server; None for one with.
    """
    content = {
        "study": study.identifier,
        "question": study.question,
        "consent": study.consent,
        "seconds": study.rules.seconds,
        "sheets": None if sheets is None else [blind_sheet(study, k) for k in range(sheets)],
    }
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    return f"const STUDY = {text};\n"


def write_static_study(folder: Path, study: Study, *, sheets: int) -> Path:
    """Write the folder to hand out, whole: page, sheets and pictures, but not what the pictures are of.

    Args:
        folder: of the study.
        study: in it.
        sheets: how many orders raters are dealt from.

    Returns:
        The static folder, in the study's.
    """
    out = Path(folder) / STATIC
    with atomic_write(out) as temporary:
        (temporary / PICTURES).mkdir(parents=True)
        for name in PAGE_FILES:
            (temporary / name).write_bytes(page_file(name))
        (temporary / STUDY_SCRIPT).write_text(study_script(study, sheets), encoding="utf-8")
        for pair in study.pairs:
            for name in (pair.first, pair.second):
                shutil.copyfile(Path(folder) / PICTURES / name, temporary / PICTURES / name)
        shutil.rmtree(out, ignore_errors=True)  # only now that the new one is whole
    return out
