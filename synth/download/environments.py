"""CC0 environments in a folder: listed, resumed, verified, with who made them.

A picture is fetched into `.NAME.part` beside its place and renamed when it agrees with size and digest
and can be read; `NAME.json` beside it says who made it, under which licence and where.
"""

from __future__ import annotations

import difflib
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.download.download_run import Fetched, sole_writer
from synth.download.poly_haven import (
    EnvironmentFile,
    EnvironmentListing,
    EnvironmentSource,
    agrees_with_listing,
)
from synth.download.web_files import FileRefused, SiteRefused

LICENCE_FILE = "LICENCE.txt"
_LICENCE = "CC0-1.0"
_LICENCE_TEXT = """\
The environments (.hdr, .exr) in this folder that have a .json of their name beside them are Poly Haven's
(https://polyhaven.com), dedicated to the public domain by their authors under CC0 1.0 Universal:
https://creativecommons.org/publicdomain/zero/1.0/

No attribution is required. Each .json names the author and the page of its picture.
"""
_COMMAND = "synth fetch-environments"


def choose_environments(
    listings: Sequence[EnvironmentListing],
    names: Sequence[str],
    *,
    category: str | None,
    count: int,
) -> list[EnvironmentListing]:
    """The environments of these names; without any, the first `count` of a category or of all.

    Raises:
        BadInput: for a name or a category that is not there.
    """
    by_name = {listing.name: listing for listing in listings}
    if names:
        for name in names:
            if name not in by_name:
                near = difflib.get_close_matches(name, by_name, 3) or list(by_name)[:3]
                raise BadInput(
                    f"{name}: no such environment; do you mean {', '.join(near)}? (--list)"
                )
        return [by_name[name] for name in dict.fromkeys(names)]
    categories = sorted({name for listing in listings for name in listing.categories})
    if category is not None and category not in categories:
        raise BadInput(
            f"--category: no environment of '{category}', expected one of {', '.join(categories)[:400]}"
        )
    chosen = [one for one in listings if category is None or category in one.categories]
    return chosen[:count]


def fetch_environments(
    out: Path | str,
    chosen: Sequence[EnvironmentListing],
    source: EnvironmentSource,
    *,
    resolution: str = "1k",
    file_format: str = "hdr",
    announce: Callable[[Sequence[EnvironmentFile]], None] = lambda files: None,
    progress: Callable[[str, int], None] = lambda file, size: None,
) -> Fetched:
    """Bring environments into a folder, fetching what is not there, with who made them and the licence.

    One request at a time. A file that agrees with its digest is left, any other of its name is replaced
    once the right one is whole. After KeyboardInterrupt the same call goes on from there.

    Args:
        out: the folder; `--environments` takes it.
        chosen: what to fetch.
        source: where from.
        resolution: one of `RESOLUTIONS`.
        file_format: one of `FORMATS`.
        announce: called once with all files, before the first is downloaded.
        progress: called with the name of what is downloaded and how many bytes of it there are.

    Returns:
        What was done. A site that stays busy or out of reach ends the run.

    Raises:
        BadInput: for a folder that cannot be written, or that another run writes.
    """
    out, fetched = Path(out), Fetched()
    with sole_writer(out, _COMMAND):
        files: list[EnvironmentFile] = []
        for listing in chosen:
            try:
                files.append(source.environment_file(listing, resolution, file_format))
            except FileRefused as error:
                fetched.failed.append((listing.name, str(error)))
            except SiteRefused as error:
                return _stopped(fetched, listing.name, error, source)
        announce(files)
        with atomic_write(out / LICENCE_FILE) as temporary:
            temporary.write_text(_LICENCE_TEXT, encoding="utf-8")
        for entry in files:
            try:
                if agrees_with_listing(out / entry.file, entry):
                    fetched.existing += 1
                    progress(entry.file, entry.size)
                else:
                    source.download(entry, out, functools.partial(progress, entry.file))
                    fetched.downloaded += 1
                _write_credit(out, entry)
            except FileRefused as error:
                fetched.failed.append((entry.file, str(error)))
            except SiteRefused as error:
                return _stopped(fetched, entry.file, error, source)
            fetched.received = source.received
    return fetched


def _stopped(fetched: Fetched, name: str, error: SiteRefused, source: EnvironmentSource) -> Fetched:
    fetched.failed.append((name, str(error)))
    fetched.stopped = f"{error}; run the same command again later"
    fetched.received = source.received
    return fetched


def _write_credit(out: Path, entry: EnvironmentFile) -> None:
    """Say beside a picture what it is, who made it and under which licence."""
    listing = entry.listing
    credit = {
        **{"name": listing.name, "title": listing.title, "authors": listing.authors},
        **{"licence": _LICENCE, "page": f"https://polyhaven.com/a/{listing.name}"},
        **{"address": entry.address, "size": entry.size, "md5": entry.md5},
    }
    with atomic_write((out / entry.file).with_suffix(".json")) as temporary:
        temporary.write_text(
            json.dumps(credit, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
