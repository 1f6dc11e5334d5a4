"""A study of tiny pictures, raters who answer it by HTTP, and by a rule."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from synth.study.answers import RaterAnswers
from synth.study.design import PICTURES, STUDY_VERSION, Study, StudyPair, StudyRules, write_study
from synth.study.sheets import blind_sheet, deal_sheet


def write_small_study(
    folder: Path,
    *,
    practice: int = 2,
    counted: int = 9,
    catch: int = 4,
    repeats: int = 3,
    failures: int = 1,
    seed: int = 5,
    people: int | None = None,
    seconds: float = 0.1,
) -> Study:
    """A study's folder whose pictures are two pixels wide."""
    (folder / PICTURES).mkdir(parents=True)
    kinds = ["practice"] * practice + ["counted"] * counted + ["catch"] * catch
    pairs = []
    for number, kind in enumerate(kinds):
        names = []
        for side in range(2):
            names.append(
                hashlib.sha256(f"{seed} {number} {side}".encode()).hexdigest()[:24] + ".png"
            )
            picture = np.full((4, 2, 3), (number * 7 % 256, side * 255, 90), np.uint8)
            cv2.imwrite(str(folder / PICTURES / names[-1]), picture)
        pairs.append(
            StudyPair(
                kind=kind,
                first=names[0],
                second=names[1],
                person=f"person {number % people if people else number}",
                sources=(f"{number}.png", f"{number}.png"),
            )
        )
    study = Study(
        version=STUDY_VERSION,
        request="0" * 64,
        seed=seed,
        sets=("ours", "theirs"),
        question="Which one?",
        consent="I agree.",
        stand_in=False,
        rules=StudyRules(repeats=repeats, most_catch_failures=failures, seconds=seconds),
        pairs=tuple(pairs),
    )
    write_study(folder, study)
    return study


def answers_by_rule(
    study: Study, sheet: int, prefers_first: Callable[[int, bool], bool], rater: str = "r" * 16
) -> RaterAnswers:
    """A rater who decides by the pair's number and whether it is the second showing."""
    choices = {}
    for number, (trial, row) in enumerate(zip(deal_sheet(study, sheet), blind_sheet(study, sheet))):
        pair = study.pairs[trial.pair]
        wanted = pair.first if prefers_first(trial.pair, trial.repeated) else pair.second
        choices[number] = "left" if row[0] == wanted else "right"
    return RaterAnswers(rater=rater, sheet=sheet, choices=choices)


def request(
    address: str, path: str, content: object = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST where there is content (bytes are sent as they are).

    The path is sent as it stands, dots and all, which urllib would not do.
    """
    connection = http.client.HTTPConnection(address.split("/")[2], timeout=60)
    try:
        if content is None:
            connection.request("GET", path, headers=headers or {})
        else:
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request("POST", path, data, sent)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
