"""`synth view`: all channels of a clip as one film."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    ChannelNames,
    json_option,
    out_option,
    quiet_option,
    report_line,
)
from synth.cli.result_output import print_result


@click.command("view")
@click.argument("clip", type=FILE)
@out_option("the film, a .mp4")
@click.option(
    "--channels",
    type=ChannelNames(none_allowed=False),
    help="Only these channels, with commas between; default all that are stored.",
)
@click.option("--close", is_flag=True, help="Enlarge every channel to where the body is.")
@quiet_option()
@json_option
def view(
    clip: Path, out: Path, channels: tuple[str, ...] | None, close: bool, as_json: bool
) -> None:
    """Show all channels of a CLIP side by side, with its joints, as one film.

    CLIP is its .mp4 or its _info.mat; the rest is found beside it. Joints are green where they are seen
    and red rings where they are hidden.

    \b
    synth view films/train/run0/02_01/02_01_c0001.mp4 --out channels.mp4
    """
    from synth.pictures.clip_view import write_clip_view

    frames, lacking = write_clip_view(clip, out, channels=channels, close=close)
    content = {"file": out, "frames": frames, "not_stored": lacking}
    print_result(content, f"{out}: {frames} frames", as_json=as_json)
    if lacking:
        report_line(f"not stored: {', '.join(lacking)}; `synth ground-truth` computes it again")
