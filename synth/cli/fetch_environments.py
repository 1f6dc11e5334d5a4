"""`synth fetch-environments`: a download of CC0 environments from Poly Haven."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from synth.cli.download_output import print_download
from synth.cli.options import (
    COUNT,
    Number,
    json_option,
    out_option,
    quiet_option,
)
from synth.cli.result_output import print_result
from synth.download.poly_haven import FORMATS, POLY_HAVEN, RESOLUTIONS


@click.command("fetch-environments")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@out_option("the pictures; then give it as --environments", default="environments")
@click.option("--category", help="Only of this category, as indoor, nature, urban or skies.")
@click.option(
    "--count",
    type=COUNT,
    default=20,
    show_default=True,
    help="Without NAME: the so many that are fetched most.",
)
@click.option(
    "--resolution",
    type=click.Choice(RESOLUTIONS),
    default="2k",
    show_default=True,
    help="Pixels across, in thousands; a film's camera sees a twelfth of them.",
)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    default="hdr",
    show_default=True,
    help="Of the files; .hdr is smaller.",
)
@click.option("--url", default=POLY_HAVEN, show_default=True, help="The interface that lists them.")
@click.option(
    "--pause",
    type=Number(min=0),
    default=0.5,
    show_default=True,
    help="Seconds between two requests.",
)
@click.option("--list", "only_list", is_flag=True, help="Print what there is, and fetch nothing.")
@quiet_option()
@json_option
def fetch_environments(
    names: tuple[str, ...],
    out: Path,
    category: str | None,
    count: int,
    resolution: str,
    file_format: str,
    url: str,
    pause: float,
    only_list: bool,
    as_json: bool,
) -> None:
    """Download environments (CC0) from Poly Haven, each with who made it and its licence.

    NAME is one of those that --list prints. Sizes and digests come from Poly Haven's public interface.
    Files that exist are kept; interrupt it at any time, the same command goes on.
    """
    from tqdm import tqdm

    from synth.download import environments, poly_haven

    source = poly_haven.EnvironmentSource(url, pause=pause)
    listings = source.listings()
    limit = len(listings) if only_list else count
    chosen = environments.choose_environments(listings, names, category=category, count=limit)
    if only_list:
        print_result(chosen, map(str, chosen), as_json=as_json)
        return
    sizes: dict[str, int] = {}
    with tqdm(unit="B", unit_scale=True, smoothing=0.1) as bar:

        def announce(files: Sequence[poly_haven.EnvironmentFile]) -> None:
            for entry in files:
                text = f"{entry.address}: {entry.size:,} bytes, md5 {entry.md5}, CC0"
                bar.write(text, file=sys.stderr)
            bar.reset(total=sum(entry.size for entry in files))

        def progress(file: str, size: int) -> None:
            sizes[file] = size
            bar.set_postfix_str(file, refresh=False)
            bar.update(sum(sizes.values()) - bar.n)

        fetched = environments.fetch_environments(
            *(out, chosen, source),
            resolution=resolution,
            file_format=file_format,
            announce=announce,
            progress=progress,
        )
    print_download(out, fetched, as_json=as_json)
