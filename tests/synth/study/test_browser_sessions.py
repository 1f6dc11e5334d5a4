"""The study in a browser, by keys, mouse and touch; skipped where there is no Chromium.

The whole session of 68 pairs, at two seconds each, takes minutes and is run by hand:
`synth study make ... --out STUDY`, then `python -m tests.synth.study.browser_sessions STUDY`.
"""

from __future__ import annotations

import pytest

from tests.chromium import chromium_program
from tests.synth.study.browser_sessions import check_sessions, take_sessions
from tests.synth.study.small_study import write_small_study


@pytest.mark.slow
@pytest.mark.skipif(chromium_program() is None, reason="no Chromium on this machine")
def test_three_raters_in_a_browser_lose_nothing_through_a_killed_server_and_reloads(tmp_path):
    folder = tmp_path / "study"
    write_small_study(folder)
    raters = take_sessions(folder, tmp_path / "profile", patience=240.0)
    check_sessions(folder, raters)
    assert [len(rater.pressed) for rater in raters] == [18, 18, 18]
