"""`synth pack`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("pack")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Where the shards go.")
@click.option(
    "--shard-size", type=float, default=1e9, show_default=True, help="Bytes a shard, at most."
)
@click.option("--clips-per-shard", type=int, help="Clips a shard, in place of --shard-size.")
@click.option(
    "--channels",
    help="Channels to pack, separated by commas, or none; default all that lie there.",
)
@click.option(
    "--split", "splits", multiple=True, help="Pack this split only; may be given more than once."
)
def pack(
    folder: Path,
    out: Path,
    shard_size: float,
    clips_per_shard: int | None,
    channels: str | None,
    splits: tuple[str, ...],
) -> None:
    """Pack the films of FOLDER into WebDataset shards, one sample a clip.

    Interrupt it at any time; the same command goes on where it stopped.
    """
    from mocap.errors import BadInput
    from synth.clips import shards
    from synth.scene.ground_truth import CHANNELS

    wanted = None
    if channels is not None:
        wanted = [name.strip() for name in channels.split(",") if name.strip()]
        wanted = [] if wanted == ["none"] else wanted
        if unknown := sorted(set(wanted) - set(CHANNELS)):
            raise BadInput(
                f"--channels {','.join(unknown)}: expected some of {','.join(CHANNELS)}, or none"
            )
    if not 1 <= shard_size < 2**63:
        raise BadInput(f"--shard-size {shard_size:g}: expected bytes, as 1e9")
    summary = shards.pack(
        folder,
        out,
        shard_bytes=int(shard_size),
        clips_per_shard=clips_per_shard,
        channels=wanted,
        splits=splits or None,
    )
    click.echo(
        f"{summary.clips} clips in {summary.shards} shards ({summary.already} already there), "
        f"{summary.bytes / 1e9:.3g} GB: {summary.index}"
    )
