"""From texture libraries, or a library and photographs, to a study's folder; a standing one is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.free_body import load_free_body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.study.design import Study
from synth.study.photograph_pairs import pair_photographs
from synth.study.study_writer import (
    StudyOptions,
    request_digest,
    standing_study,
    write_photograph_study,
    write_texture_study,
)
from synth.study.texture_pairs import pair_textures, read_study_textures, texture_digest
from textures.body_fit.fitting import BodyFitter
from textures.evaluation.texture_sets import read_texture_set
from textures.evidence.sources import SourceOptions, open_sources
from textures.harvest.crop_folder import left_out_lines, read_crop_folder
from textures.library import sha256_of

STANDING = "this study stands there already; its answers are kept"


def prepare_texture_study(
    folder: Path,
    textures: Path,
    against: Path,
    body: Body,
    options: StudyOptions,
    *,
    pairing: str = "people",
    report: Callable[[str], None] = lambda line: None,
) -> Study:
    """Two libraries beside each other; what `synth study make --against` does.

    Args:
        folder: of the study; new, empty, or with the very same study.
        textures: a library.
        against: another.
        body: of both libraries' UV layout.
        options: of the study.
        pairing: "people" or "any" (see `pair_textures`).
        report: is told where the study stands already.

    Returns:
        The study.

    Raises:
        BadInput: for libraries that cannot be read or have no person in common, and a folder with
            something else in it.
    """
    if textures.resolve() == against.resolve():
        raise BadInput(f"{textures}: given for --textures and --against; give two libraries")
    first, second = read_study_textures(textures, body), read_study_textures(against, body)
    sets = (textures.name, against.name)
    if sets[0] == sets[1]:
        sets = (str(textures), str(against))
    details = [pairing, body.name, body.build, *sets]
    request = request_digest(options, texture_digest(first), texture_digest(second), details)
    standing = standing_study(folder, request)
    if standing is not None:
        report(f"{folder}: {STANDING}")
        return standing
    rng = np.random.default_rng(options.seed)
    pairs = pair_textures(first, second, count=options.pairs, pairing=pairing, rng=rng)
    return write_texture_study(folder, pairs, body, options, sets=sets, request=request)


def prepare_photograph_study(
    folder: Path,
    textures: Path,
    images: Path,
    options: StudyOptions,
    *,
    evidence: Sequence[str] = (),
    sources: SourceOptions | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Study:
    """A library beside photographs of its people; what `synth study make --images` does.

    Args:
        folder: of the study; new, empty, or with the very same study.
        textures: a library, libraries of halves, or PNGs named by crops, for the free body.
        images: Market-1501's folder, or any of crops.
        options: of the study.
        evidence: names of the sources that bodies are fitted by; the installed ones where empty.
        sources: where those find their files.
        report: is told what is left out, and how many photographs are of a camera that the texture beside
            them has not seen.

    Returns:
        The study.

    Raises:
        BadInput: for input that cannot be read, fewer usable photographs than pairs, and a folder with
            something else in it.
    """
    body = load_free_body()
    sources = sources or SourceOptions()
    crops = read_crop_folder(images).crops
    texture_set = read_texture_set(textures, body, crops)
    for line in left_out_lines(texture_set.left_out):
        report(line)
    skinning = Skinning(body).to(sources.device)
    fitter = BodyFitter(body, skinning, open_sources(evidence, sources), device=sources.device)
    people = {texture.identity for texture in texture_set.textures}
    request = request_digest(
        options,
        [f"{t.path.name} {t.identity} {sha256_of(t.path)}" for t in texture_set.textures],
        [f"{c.source} {sha256_of(c.path)}" for c in crops if c.person.identity in people],
        [texture_set.name, body.name, body.build, fitter.tag],
    )
    standing = standing_study(folder, request)
    if standing is not None:
        report(f"{folder}: {STANDING}")
        return standing
    report(f"bodies are fitted by {fitter.name}")
    pairs = pair_photographs(
        texture_set,
        crops,
        body,
        fitter,
        count=options.pairs,
        rng=np.random.default_rng(options.seed),
        report=report,
    )
    unseen = sum(pair.other_camera for pair in pairs)
    report(
        f"{unseen} of {len(pairs)} photographs are of a camera that the texture beside them has not seen"
    )
    return write_photograph_study(folder, pairs, texture_set, options, request=request)
