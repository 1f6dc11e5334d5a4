"""`synth study`: people choose between textures, and what their choices say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from synth.cli.options import (
    COUNT,
    FILE,
    FOLDER,
    Number,
    body_option,
    body_source,
    device_option,
    evidence_options,
    json_option,
    out_option,
    quiet_option,
    report_line,
    seed_option,
    strict_option,
    uv_option,
)
from synth.cli.result_output import print_result
from synth.cli.whole_help import WholeHelpGroup

_NONE_OR_MORE = click.IntRange(0)


@click.group(cls=WholeHelpGroup)
def study() -> None:
    """Ask people which of two textures is better: pairs, a page for raters, and their score."""


@study.command()
@click.option("--textures", type=FOLDER, required=True, help="Library whose textures are judged.")
@click.option("--against", type=FOLDER, help="Library that they are compared with.")
@click.option(
    "--images",
    type=FOLDER,
    help="Photographs that they are compared with, in place of --against: Market-1501, or crops.",
)
@click.option(
    "--pairing",
    type=click.Choice(["people", "any"]),
    default="people",
    show_default=True,
    help="Pair textures of the same people in --textures and --against, or of any.",
)
@out_option("the study, a folder")
@click.option("--count-pairs", type=COUNT, default=50, show_default=True, help="Pairs that count.")
@click.option(
    "--count-practice",
    type=_NONE_OR_MORE,
    default=5,
    show_default=True,
    help="Pairs for practice, before them.",
)
@click.option(
    "--count-repeats",
    type=_NONE_OR_MORE,
    default=5,
    show_default=True,
    help="Pairs that each rater sees a second time, sides exchanged.",
)
@click.option(
    "--count-catch",
    type=_NONE_OR_MORE,
    default=8,
    show_default=True,
    help="Pairs with a scrambled texture, whose right answer is known.",
)
@click.option(
    "--catch-failures",
    type=_NONE_OR_MORE,
    default=1,
    show_default=True,
    help="Catch pairs that a rater may fail and still count.",
)
@click.option(
    "--seconds",
    type=Number(0.05, 60),
    default=2.0,
    show_default=True,
    help="Time for which a pair is shown.",
)
@click.option("--question", help="What raters are asked; default as in the paper: higher quality.")
@click.option(
    "--static",
    is_flag=True,
    help="Also write OUT/static, a page that needs no server, to hand out.",
)
@click.option(
    "--count-sheets",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Orders in the static page, one of which each rater is dealt.",
)
@seed_option
@body_option
@uv_option
@evidence_options
@device_option()
@quiet_option()
@json_option
def make(
    textures: Path,
    against: Path | None,
    images: Path | None,
    pairing: str,
    out: Path,
    count_pairs: int,
    count_practice: int,
    count_repeats: int,
    count_catch: int,
    catch_failures: int,
    seconds: float,
    question: str | None,
    static: bool,
    count_sheets: int,
    seed: int,
    body: Path | None,
    uv: Path | None,
    evidence: tuple[str, ...],
    networks: Path | None,
    body_fit: Path | None,
    smpl: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Prepare pairs: the same body, pose, light and camera, in two textures.

    With --images the second picture is a photograph, and the body fitted to it wears the texture. Side
    and order are dealt to each rater from the seed.
    """
    from synth.study.design import QUESTION
    from synth.study.preparation import prepare_photograph_study, prepare_texture_study
    from synth.study.rater_page import write_static_study
    from synth.study.study_writer import StudyOptions
    from textures.evidence.sources import SourceOptions

    if (against is None) == (images is None):
        raise click.UsageError("give either --against or --images to compare --textures with")
    if against is not None and (evidence or networks or body_fit or smpl):
        raise click.UsageError(
            "--evidence, --networks, --body-fit and --smpl fit bodies to photographs; give --images"
        )
    if images is not None and (body or uv or pairing == "any"):
        raise click.UsageError(
            "--body, --uv and --pairing any: photographs are of the texture's own people and fitted with "
            "the free body; leave them out with --images"
        )
    options = StudyOptions(
        counted=count_pairs,
        practice=count_practice,
        repeats=count_repeats,
        catch=count_catch,
        catch_failures=catch_failures,
        seconds=seconds,
        question=question or QUESTION,
        seed=seed,
    )

    if against is not None:
        model = body_source(body, uv).load("neutral")
        written = prepare_texture_study(
            out, textures, against, model, options, pairing=pairing, report=report_line
        )
    elif images is not None:
        sources = SourceOptions(networks=networks, weights=body_fit, smpl=smpl, device=device)
        written = prepare_photograph_study(
            out, textures, images, options, evidence=evidence, sources=sources, report=report_line
        )
    lines = written.description()
    kinds = ("counted", "practice", "catch")
    content: dict[str, Any] = {
        "study": out,
        "sets": written.sets,
        **{kind: len(written.numbers(kind)) for kind in kinds},
        "rules": written.rules,
    }
    if static:
        page = write_static_study(out, written, sheets=count_sheets) / "index.html"
        lines.append(f"{page}: to hand out with its folder, {count_sheets} orders")
        content |= {"page": page, "orders": count_sheets}
    print_result(content, lines, as_json=as_json)


@study.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port of this machine to listen on; 0 takes a free one.",
)
def serve(folder: Path, port: int) -> None:
    """Show the study in FOLDER to raters, on a page of this machine.

    Answers are kept in FOLDER/answers.sqlite. End it with Ctrl-C and start it again as you like: raters
    go on where they were.
    """
    from synth.cli.heartbeat import end_heartbeat
    from synth.study.answer_store import ANSWERS_FILE, AnswerStore
    from synth.study.design import read_study
    from synth.study.server import StudyServer

    shown = read_study(folder)
    with (
        AnswerStore(folder, shown) as store,
        StudyServer(folder, shown, store, port=port) as server,
    ):
        click.echo(f"{server.address} shows the study; answers go to {folder / ANSWERS_FILE}")
        click.echo(
            "end with Ctrl-C; other machines reach it by ssh -L, or give out `make --static`"
        )
        end_heartbeat()  # it waits for raters, which is no work
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo(
                f"{len(store.raters())} raters so far; `synth study score {folder}`", err=True
            )


@study.command()
@click.argument("folder", type=FOLDER)
@click.argument("answers", nargs=-1, type=FILE)
@seed_option
@strict_option
@json_option
def score(folder: Path, answers: tuple[Path, ...], seed: int, strict: bool, as_json: bool) -> None:
    """Score the study in FOLDER: which set is preferred, how sure that is, and who is left out.

    ANSWERS are files that raters of the static page sent back, or folders of such. Intervals are over
    raters and people together.
    """
    from synth.study.design import read_study
    from synth.study.score_lines import study_score_lines
    from synth.study.scoring import gather_answers, score_study

    shown = read_study(folder)
    gathered = gather_answers(folder, shown, answers)
    for line in gathered.refused_files:
        report_line(f"left out: {line}")
    scored = score_study(shown, gathered, seed=seed)
    lines = study_score_lines(scored)
    print_result(scored.as_dict(), lines, as_json=as_json)
    if strict and gathered.refused_files:
        raise click.exceptions.Exit(1)
