"""Answers of raters: what one is, what is refused, and the files that the static page gives out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import choice, read_json
from synth.study.design import Study
from synth.study.sheets import SIDES, deal_sheet

SENT_TWICE = "an answer sent twice"
SECOND_ANSWER = "a second, different answer to a trial"

MAX_SHEETS = 10_000

RaterName = Annotated[str, Meta(pattern=r"(?#a rater's random name)\A[A-Za-z0-9_-]{16,64}\Z")]
TrialNumber = Annotated[int, Meta(ge=0, le=100_000)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One choice: the trial's number in the rater's sheet, the side, and how long it took."""

    trial: TrialNumber
    choice: Annotated[str, choice(SIDES)]
    milliseconds: Annotated[int, Meta(ge=0, le=86_400_000)]


@dataclass(frozen=True, kw_only=True)
class AnswerFile:
    """What the static page gives a rater to send back."""

    study: Annotated[str, Meta(pattern=r"(?#a study's number)\A[0-9a-f]{16}\Z")]
    rater: RaterName
    sheet: Annotated[int, Meta(ge=0, lt=MAX_SHEETS)]
    answers: Annotated[tuple[Answer, ...], Meta(max_length=100_000)]


@dataclass(frozen=True, kw_only=True)
class RaterAnswers:
    """One rater's answers: the number of the sheet, and the side chosen by trial."""

    rater: str
    sheet: int
    choices: dict[int, str]


@dataclass
class AnswerFiles:
    """What was read of answer files: raters, files that cannot be used and why, what was ignored."""

    raters: list[RaterAnswers] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def read_answer_files(paths: Sequence[Path], study: Study) -> AnswerFiles:
    """Read files of the static page, in the order of their names.

    A rater's answers may come in several files, as where somebody sent one half-way: the first answer
    to a trial stands, and what differs later is ignored and counted.

    Args:
        paths: of the files; a folder stands for the `.json` files in it.
        study: that they must belong to.

    Raises:
        BadInput: for a path that does not exist. Files that cannot be used are listed.
    """
    result = AnswerFiles()
    by_rater: dict[str, RaterAnswers] = {}
    for path in _listed(paths):
        try:
            content = _answer_file(path, study)
            earlier = by_rater.get(content.rater)
            if earlier is not None and earlier.sheet != content.sheet:
                raise BadInput(
                    f"{path}: rater {content.rater} has sheet {content.sheet}, but in another file "
                    f"sheet {earlier.sheet}, expected one; ask the rater for the right file"
                )
        except BadInput as error:
            result.refused.append(str(error))
            continue
        if earlier is None:
            earlier = RaterAnswers(rater=content.rater, sheet=content.sheet, choices={})
            by_rater[content.rater] = earlier
            result.raters.append(earlier)
        for answer in content.answers:
            standing = earlier.choices.setdefault(answer.trial, answer.choice)
            if standing != answer.choice:
                result.ignored[SECOND_ANSWER] += 1
        numbers = [answer.trial for answer in content.answers]
        result.ignored[SENT_TWICE] += len(numbers) - len(set(numbers))
    result.ignored += Counter()  # drops what is zero
    return result


def _listed(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not Path(path).exists():
            raise BadInput(f"{path}: no such file or folder; give files that raters sent back")
        files += sorted(Path(path).glob("*.json")) if Path(path).is_dir() else [Path(path)]
    return list(dict.fromkeys(files))


def _answer_file(path: Path, study: Study) -> AnswerFile:
    advice = "ask the rater for the file that the page gave out"
    content = read_json(path, AnswerFile, advice=advice)
    if content.study != study.identifier:
        raise BadInput(
            f"{path}: answers of study {content.study}, expected {study.identifier}; give the folder of "
            "the study that they belong to"
        )
    length = len(deal_sheet(study, content.sheet))
    late = [answer.trial for answer in content.answers if answer.trial >= length]
    if late:
        raise BadInput(f"{path}: answer to trial {late[0]}, expected 0 to {length - 1}; {advice}")
    return content
