"""Raters who take whole sessions of a study in a browser; run alone it takes those of a study's folder.

    python -m tests.synth.study.browser_sessions STUDY [SCREENSHOTS]

Three raters answer at once, by keys, by mouse and by touch. The server is killed in the middle and
started again, every page is reloaded, and every window changes its size.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from synth.study.design import Study, read_study
from tests.chromium import Chromium, Page
from tests.synth.study.served_study import ServedStudy

SIZES = ((1440, 900), (390, 844))
DEVICES = ("keys", "mouse", "touch")
_PAUSE = 0.05  # seconds between two looks at a page

_STATE = """({
  card: !document.getElementById('card').hidden,
  action: !document.getElementById('action').hidden && document.getElementById('action').textContent,
  heading: document.getElementById('heading').textContent,
  choosing: document.getElementById('pair').className === 'pair choosing' &&
    !document.querySelector('.side.chosen'),
  left: document.getElementById('leftPicture').src.split('/').pop(),
  right: document.getElementById('rightPicture').src.split('/').pop(),
  kept: JSON.parse(localStorage.getItem('synth-study-' + STUDY.study) || '{}'),
})"""


@dataclass
class BrowserRater:
    """A rater: by what he answers, by which rule, and what he has pressed, in order.

    number 0 prefers the first set in two pairs of three; number 1 as well, but the other way round where
    a pair comes again; number 2 takes the wrong picture of every catch pair.
    """

    number: int
    study: Study
    pressed: list[tuple[str, str, str]] = field(default_factory=list)
    name: str = ""
    headings: list[str] = field(default_factory=list)

    def prefers_first(self, pair: int, repeated: bool) -> bool:
        """Whether the rule says a pair's first picture."""
        if self.study.pairs[pair].kind == "catch":
            return self.number != 2
        return ((pair + self.number) % 3 > 0) != (repeated and self.number == 1)

    def side(self, left: str, right: str) -> str:
        pair, first = next(
            (number, pair.first)
            for number, pair in enumerate(self.study.pairs)
            if {left, right} == {pair.first, pair.second}
        )
        repeated = any({left, right} == {one, other} for one, other, _ in self.pressed)
        return "left" if (left == first) == self.prefers_first(pair, repeated) else "right"


def take_session(rater: BrowserRater, page: Page, deadline: float, reload_after: int) -> None:
    """Answer all trials of a page, as a person does who looks at what it shows."""
    device = DEVICES[rater.number]
    reloaded = False
    while time.monotonic() < deadline:
        time.sleep(_PAUSE)
        state = page.value(_STATE)
        if state is None:
            continue
        if state["card"]:
            if not rater.headings or rater.headings[-1] != state["heading"]:
                rater.headings.append(state["heading"])
            if state["heading"] == "Thank you":
                rater.name = state["kept"]["rater"]
                return
            if state["action"]:
                _press(page, device, "#action", "Enter")
        elif state["choosing"]:
            if len(rater.pressed) == reload_after and not reloaded:
                reloaded = True  # between the pair and its choice: the pair comes again
                page.resize(*SIZES[(rater.number + 1) % 2])
                page.reload()
                continue
            side = rater.side(state["left"], state["right"])
            _press(page, device, f"#{side}", f"Arrow{side.capitalize()}")
            rater.pressed.append((state["left"], state["right"], side))
            while (page.value(_STATE) or state)["choosing"] and time.monotonic() < deadline:
                time.sleep(_PAUSE)
    raise TimeoutError(f"{device}: {len(rater.pressed)} trials answered, {rater.headings[-1:]}")


def _press(page: Page, device: str, selector: str, key: str) -> None:
    if device == "keys":
        page.press(key)
    elif device == "mouse":
        page.click(selector)
    else:
        page.tap(selector)


def take_sessions(
    folder: Path, profile: Path, *, patience: float, screenshots: Path | None = None
) -> list[BrowserRater]:
    """Three whole sessions at once, through a killed server and reloaded pages.

    Args:
        folder: of the study.
        profile: a folder for the browser.
        patience: seconds for all of it.
        screenshots: a folder for pictures of the pages; None for none.
    """
    study = read_study(folder)
    raters = [BrowserRater(number, study) for number in range(len(DEVICES))]
    length = len(study.pairs) + study.rules.repeats
    deadline = time.monotonic() + patience
    served, browser = ServedStudy(folder), Chromium(profile)
    try:
        address = served.start()
        pages = [
            browser.open_page(
                address, *SIZES[rater.number % 2], touch=DEVICES[rater.number] == "touch"
            )
            for rater in raters
        ]
        stop = threading.Event()
        if screenshots is not None:
            threading.Thread(
                target=_photograph, args=(pages, screenshots, stop), daemon=True
            ).start()
        with ThreadPoolExecutor(len(raters)) as pool:
            sessions = [
                pool.submit(take_session, rater, page, deadline, length // 3 + rater.number)
                for rater, page in zip(raters, pages)
            ]
            while time.monotonic() < deadline and not all(item.done() for item in sessions):
                if sum(len(rater.pressed) for rater in raters) >= 1.5 * length:
                    served.kill()
                    time.sleep(3.0)  # long enough for every page to have asked in vain
                    served.start()
                    break
                time.sleep(_PAUSE)
            for item in sessions:
                item.result()
        stop.set()
    finally:
        browser.close()
        served.kill()
    return raters


def _photograph(pages: list[Page], folder: Path, stop: threading.Event) -> None:
    """A picture of every page now and then."""
    folder.mkdir(parents=True, exist_ok=True)
    turn = 0
    while not stop.wait(7.0) and turn < 12:
        for number, page in enumerate(pages):
            (folder / f"{DEVICES[number]}-{turn:02d}.png").write_bytes(page.screenshot())
        turn += 1


def check_sessions(folder: Path, raters: list[BrowserRater]) -> None:
    """That every choice is kept once, in order, and that the score is what the rules come to by hand."""
    import json

    from synth.study.sheets import blind_sheet, deal_sheet
    from tests.synth.cli.running import succeed
    from tests.synth.study.served_study import stored_answers

    study = raters[0].study
    rows = stored_answers(folder)
    numbers = {name: number for number, name in enumerate(rows)}  # in the order in which they began
    for rater in raters:
        sheet = blind_sheet(study, numbers[rater.name])
        assert [(left, right) for left, right, _ in rater.pressed] == [(r[0], r[1]) for r in sheet]
        assert rows[rater.name] == {trial: side for trial, (_, _, side) in enumerate(rater.pressed)}
        assert {"Practice is over", "Welcome back", "Thank you"} <= set(rater.headings)
        assert len(deal_sheet(study, numbers[rater.name])) == len(rater.pressed)
    score = json.loads(succeed("study", "score", folder, "--json").output)
    # By hand: the third rater fails every catch pair and does not count; the others' first showings do.
    counted = study.numbers("counted")
    chosen = [r.prefers_first(pair, False) for r in raters[:2] for pair in counted]
    results = {item["rater"]: item for item in score["raters"]}
    assert score["raters_counted"] == 2
    assert abs(score["share"]["value"] - 100 * sum(chosen) / len(chosen)) < 1e-9
    assert [results[r.name]["consistent"] for r in raters[:2]] == [study.rules.repeats, 0]
    assert results[raters[2].name]["catch_failures"] == len(study.numbers("catch"))
    assert [results[r.name]["answered"] for r in raters] == [len(r.pressed) for r in raters]


if __name__ == "__main__":
    FOLDER = Path(sys.argv[1])
    STARTED = time.monotonic()
    with tempfile.TemporaryDirectory() as PROFILE:
        RATERS = take_sessions(
            *(FOLDER, Path(PROFILE)),
            patience=1500.0,
            screenshots=Path(sys.argv[2]) if len(sys.argv) > 2 else None,
        )
    check_sessions(FOLDER, RATERS)
    for RATER in RATERS:
        print(f"{DEVICES[RATER.number]}: {len(RATER.pressed)} trials; {', '.join(RATER.headings)}")
    print(f"all kept, scores as by hand, {time.monotonic() - STARTED:.0f} s")
