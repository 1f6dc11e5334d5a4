"""Answers in SQLite: each is on the disk before it is acknowledged, whatever becomes of the server."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mocap.errors import BadInput
from synth.study.answers import SECOND_ANSWER, SENT_TWICE, Answer, RaterAnswers
from synth.study.design import Study
from synth.study.sheets import deal_sheet

ANSWERS_FILE = "answers.sqlite"
OUT_OF_ORDER = "an answer out of order"
_BUSY = 10.0  # seconds to wait for another process that writes
_SCHEMA = """
CREATE TABLE IF NOT EXISTS study (identifier TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS raters (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS answers (
    rater INTEGER NOT NULL REFERENCES raters(number),
    trial INTEGER NOT NULL CHECK (trial >= 0),
    choice TEXT NOT NULL CHECK (choice IN ('left', 'right')),
    milliseconds INTEGER NOT NULL CHECK (milliseconds >= 0),
    PRIMARY KEY (rater, trial)
);
CREATE TABLE IF NOT EXISTS refusals (reason TEXT PRIMARY KEY, count INTEGER NOT NULL);
"""


@dataclass(frozen=True, kw_only=True)
class StoredRater:
    """A rater: the number of the sheet, the random name, and how many trials are answered."""

    number: int
    name: str
    answered: int


@dataclass(frozen=True, kw_only=True)
class AnswerReceipt:
    """What became of an answer: the trial that is next, and why it was not taken, None where it was."""

    next_trial: int
    refusal: str | None = None


class AnswerStore:
    """The answers of one study; may be used by several threads, and by several processes.

    Args:
        folder: of the study.
        study: in it.

    Raises:
        BadInput: for a file that is no such store, or one of another study.
    """

    def __init__(self, folder: Path, study: Study) -> None:
        self.path = Path(folder) / ANSWERS_FILE
        self._lock = threading.Lock()
        self._length = len(deal_sheet(study, 0))
        try:
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY, isolation_level=None, check_same_thread=False
            )
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            with self._transaction() as connection:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                row = connection.execute("SELECT identifier FROM study").fetchone()
                if row is None:
                    connection.execute("INSERT INTO study VALUES (?)", (study.identifier,))
        except sqlite3.Error as error:
            raise BadInput(
                f"{self.path}: cannot be used as the study's answers ({error}); restore the file, or "
                "move it away to begin anew"
            ) from None
        if row is not None and row[0] != study.identifier:
            self.close()
            raise BadInput(
                f"{self.path}: answers of study {row[0]}, expected {study.identifier}; study.json was "
                "changed after the first answer: restore it"
            )

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, committed to the disk at the end."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def add_rater(self) -> StoredRater:
        """A new rater, with the next sheet."""
        name = secrets.token_urlsafe(16)
        with self._transaction() as connection:
            row = connection.execute("SELECT COALESCE(MAX(number) + 1, 0) FROM raters").fetchone()
            connection.execute("INSERT INTO raters VALUES (?, ?)", (row[0], name))
        return StoredRater(number=row[0], name=name, answered=0)

    def find_rater(self, name: str) -> StoredRater | None:
        """The rater of that name, None where there is none."""
        with self._lock:
            row = self._connection.execute(
                "SELECT number, (SELECT COUNT(*) FROM answers WHERE rater = number) FROM raters "
                "WHERE name = ?",
                (name,),
            ).fetchone()
        return None if row is None else StoredRater(number=row[0], name=name, answered=row[1])

    def add_answer(self, rater: StoredRater, answer: Answer) -> AnswerReceipt:
        """Keep an answer to the rater's next trial; when this returns, it is on the disk.

        Another answer to a trial that has one, and one to a trial that is not next, is not taken, but
        counted.
        """
        with self._transaction() as connection:
            standing = dict(
                connection.execute(
                    "SELECT trial, choice FROM answers WHERE rater = ?", (rater.number,)
                ).fetchall()
            )
            next_trial = len(standing)
            if answer.trial in standing:
                is_same = standing[answer.trial] == answer.choice
                refusal = SENT_TWICE if is_same else SECOND_ANSWER
            elif answer.trial != next_trial or answer.trial >= self._length:
                refusal = OUT_OF_ORDER
            else:
                connection.execute(
                    "INSERT INTO answers VALUES (?, ?, ?, ?)",
                    (rater.number, answer.trial, answer.choice, answer.milliseconds),
                )
                return AnswerReceipt(next_trial=next_trial + 1)
            _count(connection, refusal)
        return AnswerReceipt(next_trial=next_trial, refusal=refusal)

    def count_refusal(self, reason: str) -> None:
        """Count a request that was refused."""
        with self._transaction() as connection:
            _count(connection, reason)

    def refusals(self) -> Counter[str]:
        """How many requests were refused, by reason."""
        with self._lock:
            return Counter(dict(self._connection.execute("SELECT reason, count FROM refusals")))

    def raters(self) -> list[RaterAnswers]:
        """All raters and their answers, in the order in which they came."""
        with self._lock:
            names = self._connection.execute("SELECT number, name FROM raters ORDER BY number")
            raters = {
                number: RaterAnswers(rater=name, sheet=number, choices={}) for number, name in names
            }
            rows = self._connection.execute(
                "SELECT rater, trial, choice FROM answers JOIN raters ON rater = number"
            )
            for number, trial, side in rows:
                raters[number].choices[trial] = side
        return list(raters.values())


def _count(connection: sqlite3.Connection, reason: str) -> None:
    connection.execute(
        "INSERT INTO refusals VALUES (?, 1) ON CONFLICT (reason) DO UPDATE SET count = count + 1",
        (reason,),
    )
