"""Values of `synth eval-ucf101`'s options, and the protocol that they make."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:  # not imported for `synth --help`
    from action_recog.datasets.films import FilmLabel
    from action_recog.experiment.protocol import ExperimentProtocol
    from action_recog.training.options import TrainingOptions

COMPARISON_NAMES = ("equal-steps", "head-start", "end-point")


def named_folders(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Path]:
    """Folders by name, of texts such as surreal=films/surreal."""
    named: dict[str, Path] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not equals or not name or not folder:
            raise click.BadParameter(f"{value!r}: expected NAME=DIR, as surreal=films/surreal")
        if name in named:
            raise click.BadParameter(f"the name {name!r} is given twice")
        named[name] = Path(folder)
    return named


def numbers(
    _context: click.Context, parameter: click.Parameter, value: str | None
) -> tuple[int, ...]:
    """Numbers with commas between, each once."""
    if value is None:
        return ()
    try:
        values = tuple(dict.fromkeys(int(text) for text in value.split(",")))
    except ValueError:
        raise click.BadParameter(f"{value!r}: expected numbers with commas, as 1,2,3") from None
    bounds = {
        "splits": (1, 3, "UCF101 has the splits 1, 2 and 3"),
        "label_share": (1, 100, "expected percentages from 1 to 100, as 10,25,50,100"),
        "diversity": (1, 10**6, "expected numbers of textures, as 1,10,100"),
        "seeds": (0, 2**63 - 1, "expected seeds from 0 to 2^63 - 1"),
    }
    low, high, expected = bounds[str(parameter.name)]
    for number in values:
        if not low <= number <= high:
            raise click.BadParameter(f"{value!r}: found {number}; {expected}")
    return values


def comparisons(
    _context: click.Context, _parameter: click.Parameter, value: str
) -> tuple[str, ...]:
    """Comparisons with commas between."""
    names = tuple(dict.fromkeys(text.strip() for text in value.split(",")))
    unknown = [name for name in names if name not in COMPARISON_NAMES]
    if unknown:
        raise click.BadParameter(
            f"{unknown[0]!r}: expected some of {', '.join(COMPARISON_NAMES)} with commas between"
        )
    return names


def view_counts(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> tuple[int, int] | None:
    """Clips and crops of a text such as 10x3."""
    if value is None:
        return None
    clips, _, crops = value.lower().partition("x")
    if not clips.isdigit() or crops not in ("1", "3", "") or int(clips) < 1:
        raise click.BadParameter(f"{value!r}: expected CLIPSxCROPS, as 10x3 (crops 1 or 3)")
    return int(clips), int(crops or 1)


def protocol_of(
    preset: str,
    *,
    arch: str | None,
    frames: int | None,
    stride: int | None,
    size: int | None,
    views: tuple[int, int] | None,
    steps_pretrain: int | None,
    steps_finetune: int | None,
    steps_converge: int | None,
    batch: int | None,
    lr_pretrain: float | None,
    lr_finetune: float | None,
    gradient_norm: float | None,
    batch_parts: int | None,
    film_label: FilmLabel,
) -> ExperimentProtocol:
    """A preset with what the options replace; None leaves the preset's value.

    Raises:
        BadInput: for a network that does not exist.
    """
    from action_recog.errors import BadInput
    from action_recog.experiment.protocol import PRESETS
    from action_recog.networks.resnet3d import network

    protocol = PRESETS[preset]
    view_options = protocol.views
    if size is not None:
        scale = size / view_options.size
        jitter = (
            max(size, round(view_options.jitter[0] * scale)),
            round(view_options.jitter[1] * scale),
        )
        view_options = replace(
            view_options, size=size, jitter=jitter, test_size=round(view_options.test_size * scale)
        )
    if views is not None:
        clips, crops = views
        view_options = replace(view_options, test_clips=clips, test_crops=crops)
    view_options = replace(
        view_options, frames=frames or view_options.frames, stride=stride or view_options.stride
    )

    def changed(options: TrainingOptions, steps: int | None, lr: float | None) -> TrainingOptions:
        return replace(
            options,
            steps=steps or options.steps,
            batch=batch or options.batch,
            lr=lr or options.lr,
            gradient_norm=gradient_norm or options.gradient_norm,
            parts=batch_parts or options.parts,
        )

    protocol = replace(
        protocol,
        arch=arch or protocol.arch,
        views=view_options,
        pretraining=changed(protocol.pretraining, steps_pretrain, lr_pretrain),
        finetuning=changed(protocol.finetuning, steps_finetune, lr_finetune),
        convergence=changed(protocol.convergence, steps_converge, lr_finetune),
        film_label=film_label,
    )
    try:
        network(protocol.arch, classes=2, frames=view_options.frames)
    except ValueError as error:
        raise BadInput(f"--arch: {error}") from None
    return protocol
