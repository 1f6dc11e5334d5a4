"""A study's folder, whole: pictures under names that say nothing, and study.json."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.study.design import (
    CONSENT,
    PICTURES,
    QUESTION,
    STUDY_FILE,
    STUDY_VERSION,
    Study,
    StudyPair,
    StudyRules,
    read_study,
    write_study,
)
from synth.study.pair_pictures import sample_pair_scene, scene_picture, scrambled
from synth.study.photograph_pairs import PhotographPair
from synth.study.texture_pairs import TexturePair
from textures.evaluation.texture_sets import Painting, TextureSet
from textures.library import read_texture


@dataclass(frozen=True, kw_only=True)
class StudyOptions:
    """What a study is to be: how many pairs of each kind, its rules, its words and its seed."""

    counted: int = 50
    practice: int = 5
    repeats: int = 5
    catch: int = 8
    catch_failures: int = 1
    seconds: float = 2.0
    question: str = QUESTION
    seed: int = 0

    def __post_init__(self) -> None:
        if self.repeats > self.counted // 3:
            raise BadInput(
                f"--count-repeats {self.repeats}: expected at most {self.counted // 3}, a third of the "
                f"{self.counted} counted pairs, so that the two showings lie apart"
            )
        if self.catch and self.catch_failures >= self.catch:
            raise BadInput(
                f"--catch-failures {self.catch_failures}: expected fewer than the {self.catch} catch "
                "pairs, or nobody can fail"
            )

    @property
    def pairs(self) -> int:
        """Of all kinds; repeats are showings of counted ones."""
        return self.practice + self.counted + self.catch

    @property
    def kinds(self) -> list[str]:
        """The kind of each pair, in order."""
        names = (("practice", self.practice), ("counted", self.counted), ("catch", self.catch))
        return [kind for kind, count in names for _ in range(count)]


@dataclass(frozen=True)
class _Shown:
    """A pair's two pictures (H,W,3) RGB uint8, whom it is of, and what the two are."""

    first: np.ndarray
    second: np.ndarray
    person: str
    sources: tuple[str, str]


def request_digest(options: StudyOptions, *inputs: Iterable[str]) -> str:
    """By what a second call with the same options and the same input is known.

    Args:
        options: of the study.
        inputs: lines that say what goes in, digests of files among them.
    """
    content = [STUDY_VERSION, repr(options), *(list(lines) for lines in inputs)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def standing_study(folder: Path, request: str) -> Study | None:
    """The study that a folder holds already, None where there is none.

    Raises:
        BadInput: where the folder holds another study, or something else.
    """
    folder = Path(folder)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    if not (folder / STUDY_FILE).is_file():
        raise BadInput(f"{folder}: holds something else than a study; give --out a new folder")
    study = read_study(folder)
    if study.request != request:
        raise BadInput(
            f"{folder}: holds a study of other textures or options, whose answers would be mixed up with "
            "new ones; give --out a new folder"
        )
    return study


def write_texture_study(
    folder: Path,
    pairs: Sequence[TexturePair],
    body: Body,
    options: StudyOptions,
    *,
    sets: tuple[str, str],
    request: str,
) -> Study:
    """Render the pairs of two libraries and write the study's folder whole.

    Args:
        folder: does not exist yet, or is empty.
        pairs: as many as the options say, in the order of their kinds.
        body: of the textures.
        options: of the study.
        sets: the libraries' names.
        request: the digest of what goes in.
    """

    def shown() -> Iterator[_Shown]:
        skinning = Skinning(body)
        for number, (pair, kind) in enumerate(zip(pairs, options.kinds, strict=True)):
            rng = np.random.default_rng([options.seed, number])
            scene = sample_pair_scene(body, skinning, rng)
            textures = [read_texture(pair.first.path), read_texture(pair.second.path)]
            sources = (pair.first.entry.file, pair.second.entry.file)
            if kind == "catch":  # of either set by turns, beside itself scrambled
                turn = number % 2
                textures = [textures[turn], scrambled(textures[turn], rng)]
                sources = (sources[turn], f"{sources[turn]}, scrambled")
            first, second = (scene_picture(scene, texture) for texture in textures)
            yield _Shown(first, second, pair.person, sources)

    stand_in = any(
        texture.entry.stand_in for pair in pairs for texture in (pair.first, pair.second)
    )
    return _write(Path(folder), shown(), options, sets=sets, request=request, stand_in=stand_in)


def write_photograph_study(
    folder: Path,
    pairs: Sequence[PhotographPair],
    textures: TextureSet,
    options: StudyOptions,
    *,
    request: str,
) -> Study:
    """Render a library's textures beside photographs and write the study's folder whole.

    Args:
        folder: does not exist yet, or is empty.
        pairs: as many as the options say, in the order of their kinds.
        textures: of the pairs.
        options: of the study.
        request: the digest of what goes in.
    """

    def shown() -> Iterator[_Shown]:
        for number, (pair, kind) in enumerate(zip(pairs, options.kinds, strict=True)):
            rng = np.random.default_rng([options.seed, number])
            painting = textures.read(pair.texture)
            name, source = pair.texture.path.name, pair.crop.source
            first, second = pair.pictures(painting)
            sources = (name, source)
            if kind == "catch":
                colours = scrambled(painting.colours, rng)
                bad = pair.unlit_picture(Painting(colours, np.ones_like(painting.painted)))
                first, second, sources = second, bad, (source, f"{name}, scrambled")
            yield _Shown(first, second, pair.crop.person.identity, sources)

    return _write(
        Path(folder),
        shown(),
        options,
        sets=(textures.name, "photographs"),
        request=request,
        stand_in=any(pair.texture.stand_in for pair in pairs),
    )


def _write(
    folder: Path,
    shown: Iterable[_Shown],
    options: StudyOptions,
    *,
    sets: tuple[str, str],
    request: str,
    stand_in: bool,
) -> Study:
    if folder.is_dir():
        folder.rmdir()  # empty: `standing_study` has looked
    with atomic_write(folder) as temporary:
        (temporary / PICTURES).mkdir(parents=True)
        pairs = []
        with tqdm(total=options.pairs, desc="pairs", mininterval=1.0) as bar:
            for number, (item, kind) in enumerate(zip(shown, options.kinds, strict=True)):
                names = []
                for side, picture in enumerate((item.first, item.second)):
                    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
                    label = f"{options.seed} {number} {side} ".encode()
                    names.append(f"{hashlib.sha256(label + data).hexdigest()[:24]}.png")
                    (temporary / PICTURES / names[-1]).write_bytes(data)
                pairs.append(
                    StudyPair(
                        kind=kind,
                        first=names[0],
                        second=names[1],
                        person=item.person,
                        sources=item.sources,
                    )
                )
                bar.update()
        rules = StudyRules(
            repeats=options.repeats,
            most_catch_failures=options.catch_failures,
            seconds=options.seconds,
        )
        study = Study(
            version=STUDY_VERSION,
            request=request,
            seed=options.seed,
            sets=sets,
            question=options.question,
            consent=CONSENT,
            stand_in=stand_in,
            rules=rules,
            pairs=tuple(pairs),
        )
        write_study(temporary, study)
    return study
