"""A web server on this machine that has every bad habit."""

from __future__ import annotations

import email.utils
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DATE = 1_000_000_000
PAGE = b"<!DOCTYPE html><html><head><title>Down for maintenance</title></head></html>"


class Server:
    """Serves `files`; `habits[path]` is a list of what to do instead, one a request.

    A habit is (status, headers, body) or "short" (half of the body, then hangs up), "unsaid" (half
    of it without saying how much there is); `ranges`: whether parts may be asked for.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.habits, self.ranges = files, {}, True
        self.asked: list[tuple[str, str | None, str | None]] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *args) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/subjects"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.removeprefix("/subjects/")
        wanted = request.headers.get("Range")
        self.asked.append((path, wanted, request.headers.get("User-Agent")))
        habit = self.habits[path].pop(0) if self.habits.get(path) else None
        if callable(habit):
            return habit(request)
        if isinstance(habit, tuple):
            return self.send(request, *habit)
        body = self.files.get(path)
        if body is None:
            return self.send(request, 404, {}, PAGE)
        date = email.utils.formatdate(DATE, usegmt=True)
        headers = {"Content-Length": str(len(body)), "Last-Modified": date}
        status = 200
        if wanted and self.ranges and request.headers.get("If-Range") in (None, date):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                return self.send(request, 416, {"Content-Range": f"bytes */{len(body)}"}, b"")
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            status, body = 206, body[start:]
            headers["Content-Length"] = str(len(body))
        if habit == "unsaid":
            del headers["Content-Length"]
        self.send(request, status, headers, body[: len(body) // 2] if habit else body)

    @staticmethod
    def send(request, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def times(self, path: str) -> int:
        return sum(asked == path for asked, _, _ in self.asked)


def dripping(body: bytes, *, head: bool = False):
    """A habit: the body, or already the head, a few bytes at a time."""

    def answer(request) -> None:
        date = email.utils.formatdate(DATE, usegmt=True)
        text = f"HTTP/1.0 200 OK\r\nLast-Modified: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
        slow = text.encode() + body
        if not head:
            request.wfile.write(text.encode())
            slow = body
        with suppress(OSError):
            for start in range(0, len(slow), 4):
                request.wfile.write(slow[start : start + 4])
                time.sleep(0.05)

    return answer
