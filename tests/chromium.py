"""Headless Chromium, driven over its DevTools protocol through a pipe, by the standard library alone."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

_PATIENCE = 60.0  # seconds for one reply, on a machine that does much else


def chromium_program() -> str | None:
    """Chromium's program; None where there is none."""
    return (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )


class Chromium:
    """A browser without windows, with a profile of its own in `folder`."""

    def __init__(self, folder: Path) -> None:
        commands, replies = os.pipe(), os.pipe()
        # The protocol wants descriptors 3 and 4, which this process may use for something else.
        read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands[0], replies[1]))
        words = [
            *(str(chromium_program()), "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run"),
            *("--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows"),
            *("--disable-dev-shm-usage", "--allow-file-access-from-files", "about:blank"),
        ]
        code = (
            f"import os, sys; os.dup2({read}, 3); os.dup2({write}, 4); "
            "os.execv(sys.argv[1], sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            pass_fds=(read, write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for end in (commands[0], replies[1], read, write):
            os.close(end)
        self._commands, self._replies = os.fdopen(commands[1], "wb", 0), os.fdopen(replies[0], "rb")
        self._numbers, self._lock = itertools.count(1), threading.Lock()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        pending = b""
        while chunk := self._replies.read1(1 << 16):
            *messages, pending = (pending + chunk).split(b"\0")
            for message in map(json.loads, messages):
                future = self._waiting.pop(message.get("id", 0), None)
                if future is not None:
                    future.set_result(message)

    def call(
        self, method: str, *, session: str | None = None, **parameters: object
    ) -> dict[str, Any]:
        """One command's result."""
        number, future = next(self._numbers), Future()
        self._waiting[number] = future
        message: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        with self._lock:
            self._commands.write(json.dumps(message).encode() + b"\0")
        reply = future.result(_PATIENCE)
        if "error" in reply:
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def open_page(self, address: str, width: int, height: int, *, touch: bool = False) -> Page:
        """A page of somebody who shares nothing with the other pages."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)
        session = self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        page = Page(self, session["sessionId"], touch=touch)
        page.call("Page.enable")
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        page.resize(width, height)
        page.call("Page.navigate", url=address)
        return page

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(Exception):
            self.call("Browser.close")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._commands.close()
        self._reader.join(5)
        self._replies.close()


class Page:
    """One page: scripts, keys, mouse and fingers, as a person has them."""

    def __init__(self, browser: Chromium, session: str, *, touch: bool) -> None:
        self._browser, self._session, self._touch = browser, session, touch

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        return self._browser.call(method, session=self._session, **parameters)

    def resize(self, width: int, height: int) -> None:
        self.call(
            *("Emulation.setDeviceMetricsOverride",),
            **{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": self._touch},
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=self._touch)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is; None while the page is being loaded."""
        try:
            reply = self.call(
                "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
            )
        except RuntimeError:  # the page went away in the middle
            return None
        return reply["result"].get("value")

    def reload(self) -> None:
        self.call("Page.reload")

    def middle(self, selector: str) -> tuple[float, float]:
        """The middle of an element, pixels of the window."""
        x, y = self.value(
            f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
            " return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        return x, y

    def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {}
        code = {"Enter": 13, "ArrowLeft": 37, "ArrowRight": 39}[key]
        for kind in ("keyDown", "keyUp"):
            self.call(
                *("Input.dispatchKeyEvent",),
                **{"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code},
                **(text if kind == "keyDown" else {}),
            )

    def click(self, selector: str) -> None:
        x, y = self.middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call(
                *("Input.dispatchMouseEvent",),
                **{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1},
            )

    def tap(self, selector: str) -> None:
        x, y = self.middle(selector)
        self.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def screenshot(self) -> bytes:
        import base64

        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
