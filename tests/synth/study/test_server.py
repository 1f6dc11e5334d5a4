"""The study's server by HTTP: no answer is lost or taken twice, and nothing else gets in or out."""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mocap.errors import BadInput
from synth.study.answer_store import ANSWERS_FILE, OUT_OF_ORDER, AnswerStore
from synth.study.answers import SECOND_ANSWER, SENT_TWICE
from synth.study.design import STUDY_FILE
from synth.study.rater_page import PAGE_FILES
from synth.study.server import (
    BAD_ANSWER,
    BAD_REQUEST,
    FOREIGN,
    MAX_BODY,
    UNKNOWN_NAME,
    UNKNOWN_RATER,
    StudyServer,
)
from synth.study.sheets import blind_sheet, deal_sheet
from tests.synth.cli.running import refusal, succeed
from tests.synth.study.served_study import ServedStudy, stored_answers
from tests.synth.study.small_study import request, write_small_study


class Running:
    """A server in this process, and what its store has counted."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.study = folder, write_small_study(folder)
        self.store = AnswerStore(folder, self.study)
        self.server = StudyServer(folder, self.study, self.store)
        self.address = self.server.address
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def new_rater(self) -> str:
        status, body = request(self.address, "/raters", {"consent": True})
        assert status == 201
        return json.loads(body)["rater"]

    def answer(self, rater: str, trial: int, choice: str = "left") -> tuple[int, dict]:
        content = {"trial": trial, "choice": choice, "milliseconds": 640}
        status, body = request(self.address, f"/raters/{rater}/answers", content)
        return status, json.loads(body)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.store.close()


@pytest.fixture
def running(tmp_path):
    running = Running(tmp_path / "study")
    yield running
    running.close()


def test_page_and_pictures_are_served_and_say_nothing_of_the_sets(running):
    for name in PAGE_FILES:
        status, body = request(running.address, f"/{name}")
        assert status == 200 and b"http" not in body
    status, script = request(running.address, "/study.js")
    assert status == 200 and b"Which one?" in script
    sent = json.dumps(blind_sheet(running.study, 0)).encode() + script
    for words in (b"ours", b"theirs", b"person", b"catch", b"counted"):
        assert words not in sent
    name = running.study.pairs[0].first
    status, body = request(running.address, f"/pictures/{name}")
    assert status == 200 and body == (running.folder / "pictures" / name).read_bytes()


def test_a_session_goes_on_where_it_was(running):
    rater = running.new_rater()
    for trial in range(5):
        assert running.answer(rater, trial) == (201, {"next": trial + 1})
    status, body = request(running.address, f"/raters/{rater}")
    state = json.loads(body)
    assert status == 200 and state["next"] == 5
    assert state["trials"] == blind_sheet(running.study, 0)
    assert json.loads(request(running.address, f"/raters/{running.new_rater()}")[1])["next"] == 0


def test_a_trial_has_one_answer(running):
    rater = running.new_rater()
    running.answer(rater, 0, "left")
    assert running.answer(rater, 0, "left") == (409, {"error": SENT_TWICE, "next": 1})
    assert running.answer(rater, 0, "right") == (409, {"error": SECOND_ANSWER, "next": 1})
    assert running.answer(rater, 3) == (409, {"error": OUT_OF_ORDER, "next": 1})
    for trial in range(1, 18):
        assert running.answer(rater, trial, "right")[0] == 201
    assert running.answer(rater, 18)[0] == 409
    assert running.store.refusals() == {SENT_TWICE: 1, SECOND_ANSWER: 1, OUT_OF_ORDER: 2}
    (stored,) = running.store.raters()
    assert stored.choices == {0: "left"} | dict.fromkeys(range(1, 18), "right")


def test_of_answers_at_the_same_moment_one_is_taken(running):
    rater = running.new_rater()
    with ThreadPoolExecutor(12) as pool:
        sides = ["left", "right"] * 12
        statuses = list(pool.map(lambda side: running.answer(rater, 0, side)[0], sides))
    assert sorted(statuses) == [201] + [409] * 23
    (stored,) = running.store.raters()
    assert stored.choices == {0: sides[statuses.index(201)]}
    assert sum(running.store.refusals().values()) == 23


OUTSIDE = [
    *("/study.json", "/answers.sqlite", "/pictures/", "/pictures/../study.json"),
    *("/pictures/..%2fstudy.json", "/pictures/%2e%2e/study.json", "/../study.json"),
    *("//etc/passwd", "/pictures//etc/passwd", "/page/page.js", "/index.html/", "/raters"),
    *("/pictures/..\\study.json", "/static/index.html", "/raters/../study.json", "/pictures/%00"),
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_study_is_served(running, path):
    status, body = request(running.address, path)
    assert status == 404 and json.loads(body) == {"error": UNKNOWN_NAME}
    assert request(running.address, path + "/answers", {"consent": True})[0] == 404
    assert sum(running.store.refusals().values()) == 2


MALFORMED = [
    b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 3000, b'{"trial": NaN}',
    {"trial": 0}, {"trial": "0", "choice": "left", "milliseconds": 1},
    {"trial": 0, "choice": "LEFT", "milliseconds": 1},
    {"trial": 0, "choice": ["left"], "milliseconds": 1},
    {"trial": True, "choice": "left", "milliseconds": 1},
    {"trial": -1, "choice": "left", "milliseconds": 1},
    {"trial": 0, "choice": "left", "milliseconds": -1},
    {"trial": 0, "choice": "left", "milliseconds": 1, "rater": "x"},
    {"trial": 10**30, "choice": "left", "milliseconds": 1},
]  # fmt: skip


def test_malformed_answers_are_refused_and_counted(running):
    rater = running.new_rater()
    for content in MALFORMED:
        status, body = request(running.address, f"/raters/{rater}/answers", content)
        assert status == 400 and json.loads(body)["error"] == BAD_ANSWER, content
    long = b" " * MAX_BODY + b'{"trial": 0, "choice": "left", "milliseconds": 1}'
    assert request(running.address, f"/raters/{rater}/answers", long)[0] == 413
    good = {"trial": 0, "choice": "left", "milliseconds": 1}
    plain = {"Content-Type": "text/plain"}
    assert request(running.address, f"/raters/{rater}/answers", good, plain)[0] == 400
    unknown = "A" * 22
    assert request(running.address, f"/raters/{unknown}/answers", good)[0] == 404
    assert request(running.address, f"/raters/{unknown}")[0] == 404
    for consent in ({"consent": False}, {"consent": 1}, {}):
        assert request(running.address, "/raters", consent)[0] == 400
    assert running.store.refusals() == {
        BAD_ANSWER: len(MALFORMED) + 2,
        UNKNOWN_RATER: 2,
        "no consent": 1,
        BAD_REQUEST: 2,
    }
    (stored,) = running.store.raters()
    assert stored.choices == {} and running.answer(rater, 0)[0] == 201


@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}]
)
def test_other_pages_may_not_answer(running, headers):
    assert request(running.address, "/raters", {"consent": True}, headers)[0] == 403
    assert request(running.address, "/", None, headers)[0] == 403
    assert running.store.refusals() == {FOREIGN: 2} and running.store.raters() == []
    ours = {"Origin": running.address.rstrip("/")}
    assert request(running.address, "/raters", {"consent": True}, ours)[0] == 201


def test_only_this_machine_is_listened_to(running):
    assert running.server.server_address[0] == "127.0.0.1"
    with pytest.raises(BadInput, match="--port"):
        StudyServer(
            running.folder, running.study, running.store, port=running.server.server_address[1]
        )


@pytest.fixture
def served(tmp_path):
    write_small_study(tmp_path / "study")
    served = ServedStudy(tmp_path / "study")
    yield served
    served.kill()


def test_three_raters_lose_nothing_when_the_server_is_killed(served, tmp_path):
    address = served.start()
    acknowledged: dict[str, dict[int, str]] = {}
    progress: queue.Queue[int] = queue.Queue()
    going_on = threading.Event()
    going_on.set()

    def side(rater: int, trial: int) -> str:
        return "left" if (trial * (rater + 2)) % 3 else "right"

    def persistent(path: str, content: object = None) -> tuple[int, dict]:
        """A browser's patience: it asks again until somebody answers."""
        while True:
            going_on.wait(60)
            try:
                status, body = request(address, path, content)
                return status, json.loads(body)
            except (OSError, ValueError, sqlite3.Error):
                threading.Event().wait(0.05)
            except Exception as error:
                if type(error).__module__ != "http.client":
                    raise
                threading.Event().wait(0.05)

    def session(number: int) -> str:
        name = persistent("/raters", {"consent": True})[1]["rater"]
        acknowledged[name] = {}
        while True:  # every answer as after a reload
            state = persistent(f"/raters/{name}")[1]
            trial = state["next"]
            if trial == len(state["trials"]):
                return name
            content = {"trial": trial, "choice": side(number, trial), "milliseconds": 5}
            status, _ = persistent(f"/raters/{name}/answers", content)
            assert status in (201, 409)
            acknowledged[name][trial] = side(number, trial)
            progress.put(1)

    with ThreadPoolExecutor(3) as pool:
        sessions = [pool.submit(session, number) for number in range(3)]
        for answers in (8, 12, 15):
            for _ in range(answers):
                progress.get(timeout=120)
            before = {name: dict(kept) for name, kept in acknowledged.items()}
            served.kill()
            going_on.clear()
            rows = stored_answers(served.folder)
            assert all(before[name].items() <= rows[name].items() for name in before)
            served.start()
            going_on.set()
        names = [item.result(timeout=120) for item in sessions]
    rows = stored_answers(served.folder)
    for number, name in enumerate(names):
        assert rows[name] == {trial: side(number, trial) for trial in range(18)}
    scored = json.loads(succeed("study", "score", served.folder, "--json").output)
    assert [rater["answered"] for rater in scored["raters"]] == [18, 18, 18]


def test_two_servers_share_one_file_of_answers(tmp_path):
    folder = tmp_path / "study"
    study = write_small_study(folder)
    with AnswerStore(folder, study) as first, AnswerStore(folder, study) as second:
        numbers = [store.add_rater().number for store in (first, second, first)]
    assert numbers == [0, 1, 2] and len(deal_sheet(study, 2)) == 18


def test_answers_of_another_study_and_damaged_ones_are_refused(tmp_path):
    folder = tmp_path / "study"
    study = write_small_study(folder)
    AnswerStore(folder, study).close()
    path = folder / STUDY_FILE
    text = path.read_text()
    path.write_text(text.replace("Which one?", "Which two?"))
    assert "study.json was changed" in refusal("study", "serve", folder, "--port", 0)
    path.write_text(text)
    for file in folder.glob(f"{ANSWERS_FILE}*"):
        os.unlink(file)
    (folder / ANSWERS_FILE).write_bytes(b"not a database, but of some length" * 99)
    for command in ("serve", "score"):
        message = refusal("study", command, folder)
        assert ANSWERS_FILE in message and "restore" in message


def test_a_study_that_is_not_whole_is_refused(tmp_path):
    folder = tmp_path / "study"
    study = write_small_study(folder)
    (folder / "pictures" / study.pairs[3].second).unlink()
    assert study.pairs[3].second in refusal("study", "serve", folder)
    path = folder / STUDY_FILE
    text = path.read_text()
    bad = {
        "no such file": None,
        "not JSON": text[:-40],
        "the name of a picture": text.replace(study.pairs[0].first, "../../secret.png"),
        "stands there twice": text.replace(study.pairs[0].first, study.pairs[1].first),
        "one of practice, counted, catch": text.replace('"practice"', '"other"'),
        "at most a third": text.replace('"repeats": 3', '"repeats": 4'),
        "no counted pair": text.replace('"counted"', '"catch"'),
    }
    for words, content in bad.items():
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        message = refusal("study", "score", folder)
        assert words in message and STUDY_FILE in message, message
