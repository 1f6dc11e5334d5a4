"""`synth convert-weights`: Caffe2's pickled weights as safetensors."""

from __future__ import annotations

from pathlib import Path

import click

from synth.cli.options import (
    FILE,
    json_option,
)
from synth.cli.result_output import print_result


@click.command("convert-weights")
@click.argument("pickle", type=FILE)
@click.argument("out", type=FILE)
@json_option
def convert_weights(pickle: Path, out: Path, as_json: bool) -> None:
    """Write the weights of PICKLE, a file of Caffe2, as OUT.safetensors.

    So the authors of the non-local network and PySlowFast published theirs. No code of the pickle runs.
    Then: synth eval-ucf101 --weights-2d OUT.safetensors --arch i3d-nl-r50@video-nonlocal-net
    (@pyslowfast for those of PySlowFast). Other publishers' files need no conversion.
    """
    from synth.download.caffe2_weights import convert_caffe2_weights

    count = convert_caffe2_weights(pickle, out)
    print_result({"file": out, "arrays": count}, f"{out}: {count} arrays", as_json=as_json)
