"""Downloading CMU's motions, from a server on this machine that has every bad habit."""

from __future__ import annotations

import email.utils
import json
import os

import numpy as np
import pytest
from click.testing import CliRunner

from mocap.errors import BadInput
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from synth.cli.fetch_cmu import fetch_cmu as command
from synth.download.cmu import fetch_cmu, files_of, parse_subjects, trials_of_subjects
from synth.download.web_files import ATTEMPTS, FileRefused, Site, SiteRefused
from tests.mocap.cmu_like import cmu_like
from tests.synth.download.unreliable_server import DATE, PAGE, Server, dripping

SUBJECT = "08"  # CMU's subject 8 has 11 motions


@pytest.fixture(scope="session")
def motions(tmp_path_factory) -> dict[str, bytes]:
    """A generated subject 8: a skeleton and all of its motions, four frames each."""
    folder = tmp_path_factory.mktemp("cmu")
    skeleton = cmu_like()
    write_asf(skeleton, folder / f"{SUBJECT}.asf")
    for number, name in enumerate(trials_of_subjects()[SUBJECT]):
        frames = np.full((4, len(skeleton.channels)), 0.1 * number)
        write_amc(skeleton, frames, folder / f"{name}.amc")
    return {f"{SUBJECT}/{path.name}": path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def server(motions, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server(dict(motions))
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def fetch(server, tmp_path, waits):
    """Fetch subject 8 without pauses; waiting is written down, not done."""
    return lambda **other: fetch_cmu(
        tmp_path, subjects="8", url=server.url, pause=0, timeout=5, sleep=waits.append, **other
    )


def on_disk(folder) -> dict[str, bytes]:
    """What is there but for part files."""
    paths = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


FIRST, SECOND = f"{SUBJECT}/08_01.amc", f"{SUBJECT}/08_02.amc"


def test_everything_arrives_byte_for_byte_and_is_kept_the_second_time(
    fetch, server, motions, tmp_path
):
    first = fetch()
    assert (first.downloaded, first.existing, first.failed) == (len(motions), 0, [])
    assert on_disk(tmp_path) == motions and not list(tmp_path.rglob(".*"))
    assert len(server.asked) == len(motions) == files_of("8")
    assert all(agent.startswith("surrealpp/") for _, _, agent in server.asked)
    second = fetch()
    assert (second.downloaded, second.existing, len(server.asked)) == (
        0,
        len(motions),
        len(motions),
    )


def test_a_missing_motion_fails_alone_without_retries(fetch, server, motions, tmp_path):
    del server.files[SECOND]
    fetched = fetch()
    assert fetched.failed == [("08_02.amc", "the server answered 404 Not Found")]
    assert server.times(SECOND) == 1 and not fetched.stopped
    assert set(on_disk(tmp_path)) == set(motions) - {SECOND}


def test_a_truncated_body_goes_on_by_range(fetch, server, motions, tmp_path, waits):
    server.habits[FIRST] = ["short", "short"]
    fetched = fetch()
    assert not fetched.failed and on_disk(tmp_path) == motions
    whole = len(motions[FIRST])
    ranges = [wanted for path, wanted, _ in server.asked if path == FIRST]
    second = whole // 2 + (whole - whole // 2) // 2
    assert ranges == [None, f"bytes={whole // 2}-", f"bytes={second}-"]
    assert fetched.received == sum(map(len, motions.values()))  # not a byte twice
    assert waits == [2.0, 4.0]


def test_a_server_without_ranges_sends_the_whole_file_again(fetch, server, motions, tmp_path):
    server.ranges = False
    server.habits[FIRST] = ["short"]
    assert not fetch().failed and on_disk(tmp_path) == motions


def test_a_body_cut_where_no_length_was_said_is_noticed(fetch, server, motions, tmp_path):
    server.habits[FIRST] = ["unsaid"]
    fetched = fetch()
    assert [file for file, _ in fetched.failed] == ["08_01.amc"]
    assert fetched.downloaded == len(motions) - 1 and FIRST not in on_disk(tmp_path)


def test_busy_then_ready_waits_as_long_as_it_was_told(fetch, server, motions, tmp_path, waits):
    later = email.utils.formatdate(DATE, usegmt=True)  # past: no need to wait
    server.habits[FIRST] = [(503, {"Retry-After": "7"}, b""), (429, {"Retry-After": later}, b"")]
    assert not fetch().failed and on_disk(tmp_path) == motions
    assert waits == [7.0, 0.0]


def test_a_site_that_stays_busy_is_left_alone(fetch, server, waits):
    server.habits[FIRST] = [(503, {}, b"")] * 20
    fetched = fetch()
    assert "503" in fetched.stopped and server.times(FIRST) == ATTEMPTS
    assert server.times(SECOND) == 0 and waits == [2.0, 4.0, 8.0, 16.0]


def test_a_site_that_asks_for_hours_is_left_alone_at_once(fetch, server, waits):
    server.habits[FIRST] = [(429, {"Retry-After": "7200"}, b"")]
    assert "7200" in fetch().stopped and server.times(FIRST) == 1 and waits == []


def test_three_refusals_in_a_row_end_the_run(fetch, server):
    for number in (1, 2, 3):
        server.habits[f"{SUBJECT}/08_{number:02d}.amc"] = [(403, {}, b"")] * 9
    fetched = fetch()
    assert "3 files" in fetched.stopped and len(fetched.failed) == 3 and len(server.asked) == 4


def test_nobody_listening_is_one_failure_that_stops_the_run(tmp_path, server):
    server.http.shutdown()
    server.http.server_close()
    waits: list[float] = []
    fetched = fetch_cmu(tmp_path, subjects="8", url=server.url, pause=0, sleep=waits.append)
    assert "no answer" in fetched.stopped and len(waits) == ATTEMPTS - 1


def test_a_web_page_saved_as_a_motion_is_recognised(fetch, server, motions, tmp_path):
    server.habits[FIRST] = [(200, {"Content-Length": str(len(PAGE))}, PAGE)]
    ((file, reason),) = fetch().failed
    assert file == "08_01.amc" and "web page ('Down for maintenance')" in reason
    (tmp_path / FIRST).write_bytes(PAGE)  # and one that lies there is replaced
    fetched = fetch()
    assert (fetched.downloaded, fetched.failed) == (1, []) and on_disk(tmp_path) == motions


def test_a_damaged_file_is_replaced_and_the_others_are_kept(fetch, server, motions, tmp_path):
    fetch()
    (tmp_path / SECOND).write_bytes(motions[SECOND][:-40])
    fetched = fetch()
    assert (fetched.downloaded, fetched.existing) == (1, len(motions) - 1) and on_disk(
        tmp_path
    ) == motions


def test_interruption_leaves_no_half_file_and_the_next_run_goes_on(
    fetch, server, motions, tmp_path, waits
):
    server.habits[SECOND] = ["short"]

    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_cmu(tmp_path, subjects="8", url=server.url, pause=0, sleep=interrupt)
    assert set(on_disk(tmp_path)) == {f"{SUBJECT}/08.asf", FIRST}
    server.asked.clear()
    fetched = fetch()
    assert (fetched.existing, fetched.downloaded) == (2, len(motions) - 2)
    assert server.asked[0][:2] == (SECOND, f"bytes={len(motions[SECOND]) // 2}-")
    assert on_disk(tmp_path) == motions and not list(tmp_path.rglob(".*"))


def part_of(tmp_path, data: bytes, date: float) -> None:
    part = tmp_path / SUBJECT / ".08_01.amc.part"
    part.parent.mkdir()
    part.write_bytes(data)
    os.utime(part, (date, date))


def test_a_part_of_an_older_version_is_not_gone_on_with(fetch, server, motions, tmp_path):
    part_of(tmp_path, b"older" * 20, DATE - 5)
    assert not fetch().failed and on_disk(tmp_path) == motions


def test_an_undated_part_is_not_gone_on_with(fetch, server, motions, tmp_path):
    part_of(tmp_path, b"other" * 20, 0)
    assert not fetch().failed and on_disk(tmp_path) == motions
    assert [wanted for path, wanted, _ in server.asked if path == FIRST] == [None]


def test_a_part_that_is_whole_is_taken_and_one_too_long_is_not(fetch, server, motions, tmp_path):
    part_of(tmp_path, motions[FIRST], DATE)
    assert not fetch().failed and server.times(FIRST) == 1
    (tmp_path / FIRST).unlink()
    (tmp_path / SUBJECT / ".08_01.amc.part").write_bytes(motions[FIRST] + b"x")
    assert not fetch().failed and on_disk(tmp_path) == motions


def test_a_subject_without_a_skeleton_is_passed_over(fetch, server):
    server.files.clear()
    fetched = fetch()
    assert [file for file, _ in fetched.failed] == ["08.asf"] and len(server.asked) == 1


def test_requests_keep_their_distance(server, tmp_path, waits, motions):
    fetch_cmu(tmp_path, subjects="8", url=server.url, pause=30, sleep=waits.append)
    assert len(waits) == len(motions) - 1 and all(25 < wait <= 30 for wait in waits)


def test_two_runs_in_one_folder_are_refused(fetch):
    with pytest.raises(BadInput, match="another"):
        fetch(progress=lambda file, so_far: fetch())


def test_subjects_as_people_write_them():
    known = trials_of_subjects()
    assert parse_subjects("2,5, 35-37", known) == ["02", "05", "35", "36", "37"]
    assert parse_subjects("35-35,2", known) == ["02", "35"]
    assert parse_subjects(None, known) == sorted(known, key=int)
    for text in ("", "two", "5-", "37-35", "999", "1,,2"):
        with pytest.raises(BadInput, match="--subjects"):
            parse_subjects(text, known)


@pytest.mark.parametrize("url", ["file:///etc", "mocap.cs.cmu.edu", "http://", "http://a b"])
def test_an_address_that_is_not_http_is_refused(url, tmp_path):
    with pytest.raises(BadInput, match="--url"):
        fetch_cmu(tmp_path, subjects="8", url=url)


def test_the_command_says_what_it_did_and_exits_with_an_error_on_failures(
    server, tmp_path, motions
):
    arguments = ["--subjects", "8", "--url", server.url, "--out", str(tmp_path), "--pause", "0"]
    del server.files[SECOND]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 1 and "failed: 08_02.amc: the server answered 404" in result.output
    assert f"{len(motions) - 1} got" in result.output and "1 failed" in result.output
    server.files[SECOND] = motions[SECOND]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0 and f"1 got (0.0 MB), {len(motions) - 1} kept" in result.output
    result = CliRunner().invoke(command, [*arguments, "--quiet", "--json"])  # of synth fetch-cmu
    content = json.loads(result.stdout)
    assert (content["downloaded"], content["existing"]) == (0, len(motions))
    assert content["failed"] == [] and "%|" not in result.stderr


@pytest.fixture
def slow_site(server, waits):
    return Site(server.url, 0, 5, 10**6, waits.append, slow_seconds=0.4)


def test_a_server_that_drips_is_left_and_the_file_resumed(slow_site, server, motions, tmp_path):
    server.habits[FIRST] = [dripping(motions[FIRST])]
    assert slow_site.download(FIRST, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == motions[FIRST]
    first, second = (wanted for _, wanted, _ in server.asked)
    assert first is None and 0 < int(second.removeprefix("bytes=").removesuffix("-")) < 200


def test_a_server_that_never_does_but_drip_is_refused_with_its_pace(
    slow_site, server, motions, tmp_path
):
    slow_site.timeout = 0.5
    server.habits[FIRST] = [dripping(motions[FIRST])] * 9
    with pytest.raises(
        FileRefused, match=r"sends \d+ bytes a second, expected at least 1000, 5 times"
    ):
        slow_site.download(FIRST, tmp_path / "part")
    assert motions[FIRST].startswith((tmp_path / "part").read_bytes())
    server.habits[SECOND] = [dripping(motions[SECOND], head=True)] * 9
    with pytest.raises((FileRefused, SiteRefused), match="5 times"):
        slow_site.download(SECOND, tmp_path / "other")


def test_the_rest_of_another_version_is_not_appended(slow_site, server, motions, tmp_path):
    """A server that looks at Range and not at If-Range."""
    body = motions[FIRST]
    (tmp_path / "part").write_bytes(b"of an earlier version "[:20])
    os.utime(tmp_path / "part", (DATE - 86400, DATE - 86400))
    headers = {
        "Last-Modified": email.utils.formatdate(DATE, usegmt=True),
        "Content-Range": f"bytes 20-{len(body) - 1}/{len(body)}",
        "Content-Length": str(len(body) - 20),
    }
    server.habits[FIRST] = [(206, headers, body[20:])]
    slow_site.download(FIRST, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == body
    assert [wanted for _, wanted, _ in server.asked] == ["bytes=20-", None]


@pytest.mark.parametrize("start", [0, 10, 21, 60])
def test_a_part_that_begins_elsewhere_is_not_appended(
    slow_site, server, motions, tmp_path, start, waits
):
    """Of the same version, but not from the byte that was asked for."""
    body = motions[FIRST]
    (tmp_path / "part").write_bytes(body[:20])
    os.utime(tmp_path / "part", (DATE, DATE))
    headers = {
        "Last-Modified": email.utils.formatdate(DATE, usegmt=True),
        "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}",
        "Content-Length": str(len(body) - start),
    }
    server.habits[FIRST] = [(206, headers, body[start:])]
    slow_site.download(FIRST, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == body
    assert [wanted for _, wanted, _ in server.asked] == ["bytes=20-", None] and waits == [0.0]
