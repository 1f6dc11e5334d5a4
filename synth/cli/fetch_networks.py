"""`synth fetch-networks`: a download of other people's pretrained networks."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.download_output import print_download
from synth.cli.options import (
    json_option,
    out_option,
    quiet_option,
    report_line,
)
from synth.cli.result_output import print_result


@click.command("fetch-networks")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@out_option("the networks; then give it as --networks", default="networks")
@click.option("--list", "only_list", is_flag=True, help="Print what there is, and fetch nothing.")
@quiet_option()
@json_option
def fetch_networks(names: tuple[str, ...], out: Path, only_list: bool, as_json: bool) -> None:
    """Download pretrained networks that are not ours, from their owners' addresses.

    NAME is one of those that --list prints, or all; without it BlazePose heavy, the best for photographs.
    Address, size, digest and licence are printed before anything is fetched. Files that exist are kept;
    interrupt it at any time, the same command goes on.
    """
    from tqdm import tqdm

    from synth.download import networks as network_download

    chosen = network_download.choose_networks(names or (("all",) if only_list else ()))
    description = network_download.describe_networks(chosen)
    if only_list:
        print_result(chosen, description, as_json=as_json)
        return
    report_line(description)
    total = sum(network.size for network in chosen)
    sizes: dict[str, int] = {}
    with tqdm(total=total, unit="B", unit_scale=True, smoothing=0.1) as bar:

        def progress(file: str, size: int) -> None:
            sizes[file] = size
            bar.set_postfix_str(file, refresh=False)
            bar.update(sum(sizes.values()) - bar.n)

        fetched = network_download.fetch_networks(out, chosen, progress=progress)
    print_download(out, fetched, as_json=as_json)
