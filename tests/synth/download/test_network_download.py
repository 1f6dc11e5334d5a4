"""Downloading pretrained networks, from a server on this machine that has every bad habit."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import os
import tarfile

import numpy as np
import pytest
from click.testing import CliRunner

from mocap.errors import BadInput
from synth.cli.fetch_networks import fetch_networks as command
from synth.download import networks as network_download
from synth.download.networks import (
    NETWORKS,
    NetworkFile,
    PinnedFile,
    PretrainedNetwork,
    choose_networks,
    describe_networks,
    fetch_networks,
)
from synth.download.tar_members import extract_member
from synth.download.web_files import ATTEMPTS
from tests.synth.download.unreliable_server import PAGE, Server

MEMBER = "package/pose.tflite"
WEIGHTS = np.random.default_rng(1).bytes(70_000)
PLAIN = np.random.default_rng(2).bytes(50_000)


def tar_of(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry, data in entries:
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVE = tar_of(
    (tarfile.TarInfo("package/README"), b"x" * 999), (tarfile.TarInfo(MEMBER), WEIGHTS)
)


def pinned(name: str, data: bytes) -> PinnedFile:
    return PinnedFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server({"pose.tgz": ARCHIVE, "judge.bin": PLAIN})
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def networks(server):
    """One network inside of an archive, and one that is a file of its own."""
    packed = NetworkFile(
        file=pinned("pose.tflite", WEIGHTS),
        address=f"{server.url}/pose.tgz",
        archive=pinned("pose-1.tgz", ARCHIVE),
        member=MEMBER,
    )
    plain = NetworkFile(file=pinned("judge.bin", PLAIN), address=f"{server.url}/judge.bin")
    common = {"needs": "something", "licence": "Apache-2.0"}
    return (
        PretrainedNetwork(name="pose", purpose="fits", files=(packed,), **common),
        PretrainedNetwork(name="judge", purpose="judges", files=(plain,), **common),
    )


@pytest.fixture
def fetch(networks, tmp_path):
    def run(chosen=networks, **other):
        return fetch_networks(tmp_path, chosen, **{"pause": 0, "sleep": lambda s: None, **other})

    return run


def in_folder(folder) -> dict[str, bytes]:
    """Everything there, hidden files as well."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


BOTH = {"pose.tflite": WEIGHTS, "judge.bin": PLAIN}


def test_files_arrive_whole_without_a_trace_and_are_kept_the_second_time(fetch, server, tmp_path):
    first = fetch()
    assert (first.downloaded, first.existing, first.failed, first.stopped) == (2, 0, [], "")
    assert in_folder(tmp_path) == BOTH and first.received == len(ARCHIVE) + len(PLAIN)
    second = fetch()
    assert (second.downloaded, second.existing, len(server.asked)) == (0, 2, 2)


def test_a_broken_connection_goes_on_where_it_broke(fetch, server, tmp_path):
    server.habits["pose.tgz"] = ["short"]
    fetched = fetch()
    assert not fetched.failed and in_folder(tmp_path) == BOTH
    ranges = [wanted for path, wanted, _ in server.asked if path == "pose.tgz"]
    assert ranges == [None, f"bytes={len(ARCHIVE) // 2}-"]
    assert fetched.received == len(ARCHIVE) + len(PLAIN)


@pytest.mark.parametrize("date", [0, 1, 2_000_000_000])
def test_a_part_of_a_killed_run_is_gone_on_with_whatever_its_date(fetch, server, tmp_path, date):
    """npm's mirrors tell no date; a killed run leaves the time of its death."""
    part = tmp_path / ".pose-1.tgz.part"
    part.write_bytes(ARCHIVE[:30_000])
    os.utime(part, (date, date))
    assert not fetch().failed and in_folder(tmp_path) == BOTH
    assert server.asked[0][1] == "bytes=30000-"


@pytest.mark.parametrize("length", [100, len(ARCHIVE), len(ARCHIVE) + 5])
def test_a_part_of_something_else_costs_one_more_request(fetch, tmp_path, length):
    (tmp_path / ".pose-1.tgz.part").write_bytes(b"?" * length)
    assert not fetch().failed and in_folder(tmp_path) == BOTH


def test_a_part_that_is_whole_needs_no_request(fetch, server, networks, tmp_path):
    (tmp_path / ".pose-1.tgz.part").write_bytes(ARCHIVE)
    assert not fetch(networks[:1]).failed and not server.asked
    assert in_folder(tmp_path) == {"pose.tflite": WEIGHTS}


def test_other_bytes_of_the_right_length_never_get_the_name(fetch, server, tmp_path):
    server.files["judge.bin"] = PLAIN[::-1]
    fetched = fetch()
    ((file, reason),) = fetched.failed
    assert file == "judge.bin" and hashlib.sha256(PLAIN[::-1]).hexdigest() in reason
    assert "expected 50,000 bytes, sha256 " + hashlib.sha256(PLAIN).hexdigest() in reason
    assert "\n" not in reason and in_folder(tmp_path) == {"pose.tflite": WEIGHTS}


@pytest.mark.parametrize("body", [PAGE, PLAIN + b"more"])
def test_a_web_page_or_a_longer_file_is_refused_in_one_line(fetch, server, tmp_path, body):
    server.files["judge.bin"] = body
    ((file, reason),) = fetch().failed
    assert file == "judge.bin" and "\n" not in reason and "judge.bin" not in in_folder(tmp_path)


def test_a_file_that_was_damaged_is_replaced_only_by_the_right_one(fetch, server, tmp_path):
    fetch()
    (tmp_path / "judge.bin").write_bytes(PLAIN[:-1])
    server.files["judge.bin"] = PAGE
    assert fetch().failed and (tmp_path / "judge.bin").read_bytes() == PLAIN[:-1]
    server.files["judge.bin"] = PLAIN
    assert fetch().downloaded == 1 and in_folder(tmp_path) == BOTH


def test_a_busy_site_is_left_alone(fetch, server):
    server.habits["pose.tgz"] = [(503, {}, b"")] * 20
    fetched = fetch()
    assert [file for file, _ in fetched.failed] == ["pose.tflite", "judge.bin"]
    assert len(server.asked) == ATTEMPTS and "later" in fetched.stopped


def test_an_unreachable_site_does_not_spare_the_others(fetch, networks, tmp_path):
    away = dataclasses.replace(networks[0].files[0], address="http://127.0.0.1:9/pose.tgz")
    fetched = fetch((dataclasses.replace(networks[0], files=(away,)), networks[1]))
    assert [file for file, _ in fetched.failed] == ["pose.tflite"]
    assert "http://127.0.0.1:9" in fetched.stopped and in_folder(tmp_path) == {"judge.bin": PLAIN}


def test_an_interrupted_run_leaves_no_name_and_the_next_goes_on(fetch, server, tmp_path):
    server.habits["pose.tgz"] = ["short"]

    def interrupt(seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(sleep=interrupt)
    assert set(in_folder(tmp_path)) == {".pose-1.tgz.part"}
    server.asked.clear()
    assert not fetch().failed and in_folder(tmp_path) == BOTH
    assert server.asked[0][1] == f"bytes={len(ARCHIVE) // 2}-"


def test_an_interruption_while_unpacking_leaves_the_archive_and_no_half_file(
    fetch, server, networks, tmp_path, monkeypatch
):
    def interrupt(archive, member, target, **_):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(network_download, "extract_member", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(networks[:1])
    assert in_folder(tmp_path) == {".pose-1.tgz.part": ARCHIVE}
    fetch(networks[:1])
    assert in_folder(tmp_path) == {"pose.tflite": WEIGHTS} and len(server.asked) == 1


def test_two_runs_in_one_folder_are_refused(fetch):
    with pytest.raises(BadInput, match="another synth fetch-networks"):
        fetch(progress=lambda file, size: fetch())


def test_a_folder_that_cannot_be_written_is_one_line(networks, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="not a folder"):
        fetch_networks(tmp_path / "file", networks)


def extracted(tmp_path, archive: bytes, limit: int = 1 << 20, size: int = len(WEIGHTS)) -> bytes:
    (tmp_path / "a.tgz").write_bytes(archive)
    extract_member(tmp_path / "a.tgz", MEMBER, tmp_path / "out", size=size, limit=limit)
    return (tmp_path / "out").read_bytes()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def test_only_the_member_is_taken_out(tmp_path):
    archive = tar_of(
        (entry("../../escaped"), b"no"), (entry("/tmp/x"), b"no"), (entry(MEMBER), WEIGHTS)
    )
    assert extracted(tmp_path, archive) == WEIGHTS
    assert set(in_folder(tmp_path)) == {"a.tgz", "out"}


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (tar_of((entry("package/other"), WEIGHTS)), "no package/pose.tflite in it"),
        (tar_of((entry("x" + MEMBER), WEIGHTS)), "no package/pose.tflite in it"),
        (tar_of((entry(MEMBER), WEIGHTS[:-1])), "has 69999 bytes, expected 70000"),
        (tar_of((entry(MEMBER, tarfile.SYMTYPE, "/etc/passwd"), b"")), "and no plain file"),
        (tar_of((entry(MEMBER, tarfile.LNKTYPE, "a.tgz"), b"")), "and no plain file"),
        (ARCHIVE[: len(ARCHIVE) // 2], "no whole .tgz archive"),
        (PAGE, "no whole .tgz archive"),
        (gzip.compress(b""), "no whole .tgz archive"),
        (gzip.compress(b"text" * 1000), "no whole .tgz archive"),
    ],
    ids=["other", "prefixed", "short", "link", "hard link", "half", "page", "nothing", "no tar"],
)
def test_archives_that_are_not_what_they_should_be_are_refused(tmp_path, archive, message):
    with pytest.raises(BadInput, match=message):
        extracted(tmp_path, archive)


@pytest.mark.parametrize("name", ["package/zeros", "x" * 3_000_000])
def test_a_bomb_is_bounded(tmp_path, name):
    """A member of zeros before ours, or a name of megabytes, of which a few bytes are packed."""
    bomb = tar_of((entry(name), bytes(4 << 20)), (entry(MEMBER), WEIGHTS))
    with pytest.raises(BadInput, match="more than it may be"):
        extracted(tmp_path, bomb)


def test_the_table_is_complete_and_says_everything_before_a_byte_is_asked_for():
    text = describe_networks(NETWORKS)
    for network in NETWORKS:
        assert network.name in text and network.licence in text and network.files
        for file in network.files:
            assert file.address.startswith("https://") and file.address in text
            for pin in filter(None, (file.file, file.archive)):
                assert pin.sha256 in text and f"{pin.size:,}" in text
                assert len(bytes.fromhex(pin.sha256)) == 32
    names = [file.file.name for network in NETWORKS for file in network.files]
    assert len(set(names)) == len(names)


def test_names_are_chosen_or_refused():
    assert choose_networks([]) == NETWORKS[:1] and NETWORKS[0].name == "blazepose-heavy"
    assert choose_networks(["all"]) == NETWORKS
    assert choose_networks(["reid-0277"] * 2) == NETWORKS[1:2]
    with pytest.raises(BadInput, match="movenet: no such network; expected blazepose-heavy"):
        choose_networks(["movenet"])


def test_the_pinned_files_are_those_that_were_tried(shared_data):
    """What lies beside the sample data was measured; the table gets the same."""
    for network in NETWORKS:
        for file in network.files:
            path = shared_data / "networks" / file.file.name
            if not path.is_file():
                pytest.skip(f"{path} not present")
            assert pinned(file.file.name, path.read_bytes()) == file.file


def test_the_command_lists_then_fetches_and_exits_with_an_error_on_failures(
    networks, server, tmp_path, monkeypatch
):
    monkeypatch.setattr(network_download, "NETWORKS", networks)
    listed = CliRunner().invoke(command, ["--list", "--out", str(tmp_path / "a")])
    assert listed.exit_code == 0 and not server.asked and not (tmp_path / "a").exists()
    assert listed.output.strip() == describe_networks(networks)
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "a")])
    assert result.exit_code == 0 and "1 got (0.1 MB), 0 kept, 0 failed" in result.output
    assert describe_networks(networks[:1]) in result.stderr
    server.files["judge.bin"] = PAGE
    result = CliRunner().invoke(command, ["all", "--out", str(tmp_path / "a")])
    assert result.exit_code == 1 and "failed: judge.bin: " in result.output
    assert in_folder(tmp_path / "a") == {"pose.tflite": WEIGHTS}
