"""The study on a local page: pictures out, answers in, nothing else.

It listens on this machine alone. What it serves is looked up in a table of names, so no request can lead
out of the study, and what a rater's browser may know is what `blind_sheet` says.
"""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
import sys
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mocap.errors import BadInput
from mocap.parsing.json_files import decode_json
from synth.study.answer_store import AnswerStore, StoredRater
from synth.study.answers import Answer
from synth.study.design import PICTURES, Study
from synth.study.rater_page import PAGE_FILES, STUDY_SCRIPT, page_file, study_script
from synth.study.sheets import blind_sheet

HOST = "127.0.0.1"
MAX_BODY = 4096  # bytes of a request
_DRAINED = 2**16  # bytes read of a request that is too long
_IDLE = 60  # seconds after which a silent connection is closed
_NAMES = (HOST, "localhost")
_RATER = re.compile(r"/raters/([A-Za-z0-9_-]{16,64})(/answers)?")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

BAD_ANSWER = "a malformed answer"
BAD_REQUEST = "a malformed request"
UNKNOWN_NAME = "a name that is none of the study's"
UNKNOWN_RATER = "an unknown rater"
FOREIGN = "a request from another page"


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What a rater sends to begin."""

    consent: bool


class StudyServer(ThreadingHTTPServer):
    """Serves one study to raters; each request has a thread.

    Args:
        folder: of the study.
        study: in it.
        store: of the answers.
        port: to listen on; 0 takes a free one.

    Raises:
        BadInput: for a port that is taken.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path, study: Study, store: AnswerStore, *, port: int = 0) -> None:
        self.study, self.store = study, store
        self.pictures = {
            name: Path(folder) / PICTURES / name
            for pair in study.pairs
            for name in (pair.first, pair.second)
        }
        self.script = study_script(study).encode()
        try:
            super().__init__((HOST, port), _StudyHandler)
        except (OSError, OverflowError) as error:
            raise BadInput(
                f"--port {port}: cannot be listened on ({error}); give another, or 0 for a free one"
            ) from None

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a browser that went away in the middle of a request, but of all else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _RefusedRequest(Exception):
    """A request that is refused and counted."""

    def __init__(self, status: HTTPStatus, reason: str, **content: object) -> None:
        super().__init__(reason)
        self.status, self.reason, self.content = status, reason, content


class _StudyHandler(BaseHTTPRequestHandler):
    server: StudyServer
    protocol_version = "HTTP/1.1"
    server_version = "study"
    sys_version = ""
    timeout = _IDLE

    def do_GET(self) -> None:
        """Serve the page, a picture, or what a rater has done so far."""
        self._answered(self._get)

    def do_POST(self) -> None:
        """Take a rater's consent or answer."""
        self._answered(self._post)

    def log_message(self, format: str, *values: object) -> None:
        """Keep the terminal quiet: what was refused is counted in the answers' file."""

    def _answered(self, respond: Any) -> None:
        """Run one request; whatever is wrong with it becomes an answer and a count."""
        try:
            self._check_page()
            respond(urlsplit(self.path).path)
        except _RefusedRequest as refusal:
            # What was not read of the request must not be taken for another one.
            self.close_connection = True
            with contextlib.suppress(sqlite3.Error):  # a count may be lost; the refusal stands
                self.server.store.count_refusal(refusal.reason)
            self._json(refusal.status, {"error": refusal.reason, **refusal.content})
        except sqlite3.Error as error:
            self.close_connection = True
            message = f"the answer could not be kept ({error})"
            self._json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": message})

    def _check_page(self) -> None:
        """Refuse what other sites make a rater's browser send."""
        host = self.headers.get("Host", "")
        names = {f"{name}:{self.server.server_address[1]}" for name in _NAMES}
        origin = self.headers.get("Origin")
        if host not in names or (
            origin is not None and origin not in {f"http://{n}" for n in names}
        ):
            raise _RefusedRequest(HTTPStatus.FORBIDDEN, FOREIGN)

    def _get(self, path: str) -> None:
        if path == "/":
            path = "/index.html"
        name = path[1:]
        if name in PAGE_FILES:
            self._send(HTTPStatus.OK, PAGE_FILES[name], page_file(name))
        elif name == STUDY_SCRIPT:
            self._send(HTTPStatus.OK, PAGE_FILES["page.js"], self.server.script)
        elif path.startswith(f"/{PICTURES}/") and path.split("/", 2)[2] in self.server.pictures:
            data = self.server.pictures[path.split("/", 2)[2]].read_bytes()
            self._send(HTTPStatus.OK, "image/png", data, cached=True)
        elif (match := _RATER.fullmatch(path)) and match[2] is None:
            rater = self._rater(match[1])
            trials = blind_sheet(self.server.study, rater.number)
            self._json(HTTPStatus.OK, {"next": rater.answered, "trials": trials})
        else:
            raise _RefusedRequest(HTTPStatus.NOT_FOUND, UNKNOWN_NAME)

    def _post(self, path: str) -> None:
        if path == "/raters":
            if not self._body(Consent, BAD_REQUEST).consent:
                raise _RefusedRequest(HTTPStatus.BAD_REQUEST, "no consent")
            rater = self.server.store.add_rater()
            self._json(HTTPStatus.CREATED, {"rater": rater.name})
        elif (match := _RATER.fullmatch(path)) and match[2]:
            rater = self._rater(match[1])
            receipt = self.server.store.add_answer(rater, self._body(Answer, BAD_ANSWER))
            content: dict[str, object] = {"next": receipt.next_trial}
            if receipt.refusal is None:
                self._json(HTTPStatus.CREATED, content)
            else:  # the store has counted it
                self._json(HTTPStatus.CONFLICT, {"error": receipt.refusal, **content})
        else:
            raise _RefusedRequest(HTTPStatus.NOT_FOUND, UNKNOWN_NAME)

    def _rater(self, name: str) -> StoredRater:
        rater = self.server.store.find_rater(name)
        if rater is None:
            raise _RefusedRequest(HTTPStatus.NOT_FOUND, UNKNOWN_RATER)
        return rater

    def _body(self, kind: type[Any], reason: str) -> Any:
        """The request's JSON, of a kind. Refuses what is none, too long, or of another media type."""
        length = self.headers.get("Content-Length", "")
        media_type = self.headers.get("Content-Type", "").partition(";")[0].strip()
        if not re.fullmatch(r"[0-9]{1,9}", length) or media_type != "application/json":
            raise _RefusedRequest(HTTPStatus.BAD_REQUEST, reason)
        if int(length) > MAX_BODY:
            self.rfile.read(min(int(length), _DRAINED))  # or the refusal may not reach the sender
            raise _RefusedRequest(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
        try:
            return decode_json(self.rfile.read(int(length)), kind)
        except BadInput as error:
            raise _RefusedRequest(HTTPStatus.BAD_REQUEST, reason, detail=str(error)) from None

    def _json(self, status: HTTPStatus, content: dict[str, object]) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(
        self, status: HTTPStatus, media_type: str, data: bytes, *, cached: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "max-age=86400" if cached else "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
