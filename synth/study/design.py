"""What a study is: its pairs of pictures, its rules, and the file that holds both.

The rules stand in the file before anybody has answered, so that nobody can choose afterwards whose
answers count. The names of pictures say nothing of the set that they are of, and raters' pages see only
those.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import Label, choice, read_json

STUDY_VERSION = 1
STUDY_FILE, PICTURES = "study.json", "pictures"
KINDS = ("practice", "counted", "catch")
QUESTION = "Which picture is of higher quality?"
CONSENT = (
    "I take part of my own free will and may stop at any time. My choices and how long they took are "
    "kept under a random name; nothing else about me is."
)

PictureName = Annotated[str, Meta(pattern=r"(?#the name of a picture)\A[0-9a-f]{24}\.png\Z")]


@dataclass(frozen=True, kw_only=True)
class StudyPair:
    """Two pictures that are shown side by side.

    `first` is of the study's first set and `second` of its second; of a catch pair `first` is right and
    `second` is scrambled. Pairs of one `person` are resampled together. `sources` are what the two show.
    """

    kind: Annotated[str, choice(KINDS)]
    first: PictureName
    second: PictureName
    person: Label
    sources: tuple[Label, Label]


@dataclass(frozen=True, kw_only=True)
class StudyRules:
    """What is decided before the first answer.

    repeats: counted pairs that each rater sees a second time, sides exchanged. most_catch_failures: a
    rater who fails more catch pairs is left out. seconds: for which a pair is shown.
    """

    repeats: Annotated[int, Meta(ge=0, le=1000)]
    most_catch_failures: Annotated[int, Meta(ge=0, le=1000)]
    seconds: Annotated[float, Meta(ge=0.05, le=60)]

    def as_sentence(self) -> str:
        """The rule by which raters are left out, in words."""
        return (
            "left out are raters who did not answer all their pairs, and raters who failed more than "
            f"{self.most_catch_failures} catch pairs"
        )


@dataclass(frozen=True, kw_only=True)
class Study:
    """A study: two sets, the pairs of their pictures, and its rules.

    request: digest of what it was made from, by which a second `make` knows it. stand_in: whether any of
    the textures is of generated photographs.
    """

    version: Annotated[int, Meta(ge=STUDY_VERSION, le=STUDY_VERSION)]
    request: Annotated[str, Meta(pattern=r"(?#a digest)\A[0-9a-f]{64}\Z")]
    seed: Annotated[int, Meta(ge=0)]
    sets: tuple[Label, Label]
    question: Label
    consent: Label
    stand_in: bool
    rules: StudyRules
    pairs: Annotated[tuple[StudyPair, ...], Meta(min_length=1, max_length=10_000)]

    @property
    def identifier(self) -> str:
        """By which answers know the study that they belong to: a digest of all of it."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def description(self) -> list[str]:
        """What the study holds and who will be left out, as lines."""
        counted, catch = self.numbers("counted"), len(self.numbers("catch"))
        people = len({self.pairs[number].person for number in counted})
        failures = self.rules.most_catch_failures
        lines = [
            f"{self.sets[0]} against {self.sets[1]}: {len(counted)} counted pairs of {people} people, "
            f"{len(self.numbers('practice'))} for practice, {self.rules.repeats} repeats, {catch} catch "
            "pairs",
            self.rules.as_sentence(),
        ]
        if catch:
            passing = sum(math.comb(catch, failed) for failed in range(failures + 1)) / 2**catch
            lines.append(f"one who only guesses passes the catch pairs with {passing:.1%}")
        return lines

    def numbers(self, kind: str) -> list[int]:
        """The numbers of the pairs of a kind."""
        return [number for number, pair in enumerate(self.pairs) if pair.kind == kind]


def write_study(folder: Path, study: Study) -> None:
    """Write study.json whole."""
    with atomic_write(Path(folder) / STUDY_FILE) as temporary:
        text = json.dumps(dataclasses.asdict(study), indent=1) + "\n"
        temporary.write_text(text, encoding="utf-8")


def read_study(folder: Path) -> Study:
    """The study in a folder, whose pictures are all there.

    Raises:
        BadInput: for a folder without a study, a damaged study.json, or a picture that is missing.
    """
    folder = Path(folder)
    advice = "make a study with `synth study make`"
    study = read_json(folder / STUDY_FILE, Study, advice=advice)
    names = [name for pair in study.pairs for name in (pair.first, pair.second)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise BadInput(
            f"{folder / STUDY_FILE}: {twice} stands there twice, expected each once; {advice}"
        )
    if not study.numbers("counted"):
        raise BadInput(f"{folder / STUDY_FILE}: no counted pair, expected one at least; {advice}")
    if study.rules.repeats > len(study.numbers("counted")) // 3:
        raise BadInput(
            f"{folder / STUDY_FILE}: {study.rules.repeats} repeats, expected at most a third of the "
            f"{len(study.numbers('counted'))} counted pairs; {advice}"
        )
    missing = [name for name in names if not (folder / PICTURES / name).is_file()]
    if missing:
        raise BadInput(
            f"{folder / PICTURES / missing[0]}: no such picture ({len(missing)} of {len(names)} are "
            f"missing); {advice} in another folder"
        )
    return study
