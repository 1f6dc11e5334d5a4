"""`synth fetch-cmu`: a download of CMU's motions."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.download_output import print_download
from synth.cli.options import (
    Number,
    json_option,
    out_option,
    quiet_option,
)
from synth.download.cmu import ADDRESS


@click.command("fetch-cmu")
@click.option("--subjects", help="Numbers, as 2,5,35-49; default all of them.")
@out_option("the subjects' folders", default="cmu")
@click.option(
    "--url", default=ADDRESS, show_default=True, help="The site, at its folder of subjects."
)
@click.option(
    "--pause",
    type=Number(min=0),
    default=0.5,
    show_default=True,
    help="Seconds between two requests.",
)
@quiet_option()
@json_option
def fetch_cmu(subjects: str | None, out: Path, url: str, pause: float, as_json: bool) -> None:
    """Download CMU's motions (.asf and .amc) from CMU's own site.

    Files that exist are kept; interrupt it at any time, the same command goes on.
    """
    from tqdm import tqdm

    from synth.download import cmu as cmu_download

    with tqdm(total=cmu_download.files_of(subjects), unit="file", smoothing=0.1) as bar:

        def progress(file: str, so_far: cmu_download.Fetched) -> None:
            bar.update()
            seconds = max(bar.format_dict["elapsed"], 1e-3)
            rate = so_far.received / 1e6 / seconds
            bar.set_postfix_str(f"{file}, {so_far.received / 1e6:.1f} MB, {rate:.2f} MB/s")

        fetched = cmu_download.fetch_cmu(
            out, subjects=subjects, url=url, pause=pause, progress=progress
        )
    print_download(out, fetched, as_json=as_json)
