"""Files that raters of the static page send back: what is taken, ignored and refused."""

from __future__ import annotations

import json

import pytest

from mocap.errors import BadInput
from synth.study.answers import SECOND_ANSWER, SENT_TWICE, read_answer_files
from synth.study.sheets import deal_sheet
from tests.synth.cli.running import run, succeed
from tests.synth.study.small_study import answers_by_rule, write_small_study


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "study"


@pytest.fixture
def study(folder):
    return write_small_study(folder)


def content(study, sheet: int = 0, rater: str = "a" * 32) -> dict:
    answers = answers_by_rule(study, sheet, lambda pair, again: True)
    rows = [{"trial": k, "choice": v, "milliseconds": 700} for k, v in answers.choices.items()]
    return {"study": study.identifier, "rater": rater, "sheet": sheet, "answers": rows}


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_what_the_page_gives_out_is_scored(folder, study, tmp_path):
    sent = tmp_path / "sent"
    sent.mkdir()
    for number in range(3):
        write(sent / f"{number}.json", content(study, number, rater=f"{number}" * 32))
    result = json.loads(succeed("study", "score", folder, sent, "--json", "--seed", 4).output)
    assert result["raters_counted"] == 3 and result["share"]["value"] == 100
    assert result["refusals"] == {} and result["consistency"] == 100


def test_the_first_answer_stands_whatever_comes_later(study, tmp_path):
    whole = content(study)
    other = json.loads(json.dumps(whole))
    for answer in other["answers"][:2]:
        answer["choice"] = "right" if answer["choice"] == "left" else "left"
    half = {**whole, "answers": whole["answers"][:5]}
    twice = content(study, 1, rater="b" * 32)
    twice["answers"].append(twice["answers"][0])
    values = {"1": half, "2": whole, "3": other, "4": twice}
    paths = [write(tmp_path / f"{name}.json", value) for name, value in values.items()]
    read = read_answer_files([*paths, paths[0]], study)
    assert [rater.sheet for rater in read.raters] == [0, 1] and not read.refused
    assert read.raters[0].choices == answers_by_rule(study, 0, lambda pair, again: True).choices
    assert read.ignored == {SECOND_ANSWER: 2, SENT_TWICE: 1}


BAD = {
    "not JSON": "{",
    "empty": "",
    "a list": "[]",
    "another study": {"study": "0" * 16},
    "no study": {"study": None},
    "an unknown side": {"answers": [{"trial": 0, "choice": "middle", "milliseconds": 1}]},
    "a negative trial": {"answers": [{"trial": -1, "choice": "left", "milliseconds": 1}]},
    "a trial too many": {"answers": [{"trial": 18, "choice": "left", "milliseconds": 1}]},
    "half a trial": {"answers": [{"trial": 0.5, "choice": "left", "milliseconds": 1}]},
    "a year": {"answers": [{"trial": 0, "choice": "left", "milliseconds": 10**12}]},
    "no time": {"answers": [{"trial": 0, "choice": "left"}]},
    "a field too many": {"name": "somebody"},
    "a sheet too many": {"sheet": 10**9},
    "a path as a rater": {"rater": "../../etc/passwd/......"},
    "markup as a rater": {"rater": "<script>alert(1)</script>"},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_left_out(folder, study, tmp_path, name):
    assert len(deal_sheet(study, 0)) == 18
    good = write(tmp_path / "good.json", content(study))
    value = BAD[name] if isinstance(BAD[name], str) else content(study) | BAD[name]
    bad = write(tmp_path / "bad.json", value)
    read = read_answer_files([good, bad], study)
    assert len(read.raters) == 1 and len(read.refused) == 1
    assert read.refused[0].startswith(f"{bad}: ") and "\n" not in read.refused[0]
    result = run("study", "score", folder, good, bad)
    assert result.exit_code == 0 and f"left out: {bad}" in result.output
    assert run("study", "score", folder, good, bad, "--strict").exit_code == 1
    assert run("study", "score", folder, good, "--strict").exit_code == 0


def test_one_rater_has_one_sheet(study, tmp_path):
    paths = [write(tmp_path / f"{k}.json", content(study, k)) for k in range(2)]
    read = read_answer_files(paths, study)
    assert len(read.raters) == 1 and "sheet 1, but in another file sheet 0" in read.refused[0]


def test_no_answers_and_no_file_are_bad_requests(folder, study, tmp_path):
    assert "no answers yet" in str(run("study", "score", folder).exception)
    with pytest.raises(BadInput, match="no such file"):
        read_answer_files([tmp_path / "gone.json"], study)
