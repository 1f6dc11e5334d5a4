"""The documentation's search as a reader has it who opens the site's pages from the disk."""

from __future__ import annotations

import time
from pathlib import Path

from tests.chromium import Chromium

_RESULTS = "[...document.querySelectorAll('.md-search-result__link')].map(link => link.href)"
_OPEN = """(() => {
  if (!document.querySelector('#__search').checked) document.querySelector('label[for=__search]').click();
  document.querySelector('.md-search__input').focus();
  return document.querySelector('.md-search__input').value;
})()"""


def search_results(
    site: Path,
    word: str,
    profile: Path,
    *,
    width: int,
    height: int = 900,
    screenshot: Path | None = None,
    patience: float = 60.0,
) -> list[str]:
    """Pages that the search box of site/index.html finds.

    Args:
        site: folder of the built site, opened as file://.
        word: what is looked for.
        profile: a folder for the browser.
        width: of the window, pixels.
        height: the same.
        screenshot: a .png of the answer; None for none.
        patience: seconds until which something must be found.
    """
    browser = Chromium(profile)
    try:
        page = browser.open_page((site / "index.html").as_uri(), width, height)
        deadline = time.monotonic() + patience
        found: list[str] = []
        while not found and time.monotonic() < deadline:
            if page.value(_OPEN) == "":
                page.call("Input.insertText", text=word)
            time.sleep(0.5)
            found = page.value(_RESULTS) or []
        if screenshot is not None:
            screenshot.write_bytes(page.screenshot())
        return found
    finally:
        browser.close()
