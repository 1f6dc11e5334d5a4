"""`synth fetch-environments`, from a server on this machine that speaks as Poly Haven's does."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from mocap.errors import BadInput
from synth.cli.fetch_environments import fetch_environments as command
from synth.download.environments import LICENCE_FILE, choose_environments, fetch_environments
from synth.download.poly_haven import EnvironmentSource
from synth.download.web_files import ATTEMPTS
from synth.scene.environment_pictures import environment_files, read_environment
from tests.synth.download.unreliable_server import PAGE, Server

ASSETS = {
    "hall": ({"Ada": "All"}, ["indoor"], 5),
    "moor": ({"Bo": "Photo", "Cy": "Edit"}, ["nature", "skies"], 900),
    "yard": ({}, ["urban"], 40),
}
ZEROS = b"0" * 32


def environment(seed: int, shape=(16, 32, 3)) -> bytes:
    radiance = np.random.default_rng(seed).random(shape).astype(np.float32) * 9
    good, data = cv2.imencode(".hdr", radiance)
    assert good
    return data.tobytes()


PICTURES = {name: environment(number) for number, name in enumerate(ASSETS)}


def described(url: str, data: bytes) -> dict:
    digest = hashlib.md5(data).hexdigest()
    return {"url": url, "size": len(data), "md5": digest, "include": {"unknown": "field"}}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server({})
    assets = {
        name: {"name": name.title(), "authors": authors, "categories": kinds, "type": 0}
        | {"download_count": count, "evs": 12}
        for name, (authors, kinds, count) in ASSETS.items()
    }
    server.files["assets?type=hdris"] = json.dumps(assets).encode()
    for name, data in PICTURES.items():
        address = f"ph-assets/{name}_1k.hdr"
        server.files[address] = data
        files = {"1k": {"hdr": described(f"{server.url}/{address}", data)}}
        more = {"hdri": files, "backplates": {"x": {"raw": {"odd": 1}}}}
        server.files[f"files/{name}"] = json.dumps(more).encode()
    yield server
    server.http.shutdown()
    server.http.server_close()


@pytest.fixture
def fetch(server, tmp_path):
    def run(*names, **other):
        source = EnvironmentSource(server.url, pause=0, sleep=lambda seconds: None)
        chosen = choose_environments(source.listings(), names, category=None, count=9)
        return fetch_environments(tmp_path, chosen, source, **other)

    return run


def test_environments_arrive_whole_with_credit_and_licence_and_are_kept(fetch, server, tmp_path):
    first = fetch()
    assert (first.downloaded, first.existing, first.failed, first.stopped) == (3, 0, [], "")
    names = sorted(f"{name}_1k.{kind}" for name in PICTURES for kind in ("hdr", "json"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([LICENCE_FILE, *names])
    assert "CC0 1.0" in (tmp_path / LICENCE_FILE).read_text()
    for path in environment_files(tmp_path):
        assert path.read_bytes() == PICTURES[path.stem.removesuffix("_1k")]
        assert read_environment(path).shape == (16, 32, 3)
    credit = json.loads((tmp_path / "moor_1k.json").read_text())
    assert credit["authors"] == ["Bo", "Cy"] and credit["licence"] == "CC0-1.0"
    assert credit["page"] == "https://polyhaven.com/a/moor"
    asked = [server.times(f"ph-assets/{name}_1k.hdr") for name in PICTURES]
    second = fetch()
    assert (second.downloaded, second.existing) == (0, 3) and asked == [1, 1, 1]
    assert [server.times(f"ph-assets/{name}_1k.hdr") for name in PICTURES] == asked


def test_the_most_fetched_come_first_and_categories_choose(server):
    listings = EnvironmentSource(server.url, pause=0).listings()
    assert [listing.name for listing in listings] == ["moor", "yard", "hall"]
    (indoors,) = choose_environments(listings, (), category="indoor", count=9)
    assert indoors.name == "hall"
    with pytest.raises(BadInput, match="expected one of indoor, nature, skies, urban"):
        choose_environments(listings, (), category="underwater", count=9)
    with pytest.raises(BadInput, match="more: no such environment; do you mean moor"):
        choose_environments(listings, ("more",), category=None, count=9)


def test_a_broken_connection_goes_on_where_it_broke(fetch, server):
    server.habits["ph-assets/moor_1k.hdr"] = ["short"]
    fetched = fetch("moor")
    assert not fetched.failed
    ranges = [wanted for path, wanted, _ in server.asked if path == "ph-assets/moor_1k.hdr"]
    assert ranges == [None, f"bytes={len(PICTURES['moor']) // 2}-"]


@pytest.mark.parametrize("length", [100, 10**6])
def test_a_part_of_something_else_costs_one_more_request(fetch, tmp_path, length):
    (tmp_path / ".moor_1k.hdr.part").write_bytes(b"?" * length)
    assert not fetch("moor").failed
    assert (tmp_path / "moor_1k.hdr").read_bytes() == PICTURES["moor"]


def test_other_bytes_never_get_the_name_and_the_next_is_fetched(fetch, server, tmp_path):
    server.files["ph-assets/moor_1k.hdr"] = PICTURES["moor"][::-1]
    ((file, reason),) = fetch().failed
    assert file == "moor_1k.hdr" and hashlib.md5(PICTURES["moor"]).hexdigest() in reason
    assert not (tmp_path / "moor_1k.hdr").exists() and not (tmp_path / "moor_1k.json").exists()
    assert (tmp_path / "hall_1k.hdr").exists()


@pytest.mark.parametrize("data", [PAGE, environment(1, (16, 16, 3))], ids=["page", "square"])
def test_what_is_no_environment_never_gets_the_name(fetch, server, tmp_path, data):
    address = "ph-assets/moor_1k.hdr"
    server.files[address] = data
    files = {"1k": {"hdr": described(f"{server.url}/{address}", data)}}
    server.files["files/moor"] = json.dumps({"hdri": files}).encode()
    ((file, reason),) = fetch("moor").failed
    assert file == "moor_1k.hdr" and server.url in reason and "\n" not in reason
    assert [path.name for path in tmp_path.iterdir()] == [LICENCE_FILE]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (PAGE, "not JSON"),
        (b'{"hdri": {"1k": {"hdr": {"url": "file:///etc/x", "size": 1, "md5": "0"}}}}', "http"),
        (b'{"hdri": {"8k": {"exr": {"url": "http://h/x", "size": 1, "md5": "%s"}}}}' % ZEROS, "8k .exr"),
        (b'{"hdri": {"1k": {"hdr": {"url": "http://h/x", "size": -1, "md5": ""}}}}', "size"),
    ],
)  # fmt: skip
def test_a_list_of_files_that_does_not_serve_is_named_and_passed_over(fetch, server, answer, words):
    server.files["files/moor"] = answer
    fetched = fetch()
    ((name, reason),) = fetched.failed
    assert name == "moor" and words in reason and fetched.downloaded == 2


def test_names_that_lead_out_of_the_folder_are_passed_over(server):
    server.files["assets?type=hdris"] = b'{"../up": {"name": "x"}, "a/b": {}, "moor": {}}'
    assert [one.name for one in EnvironmentSource(server.url, pause=0).listings()] == ["moor"]


def test_a_busy_site_is_left_alone(fetch, server):
    server.habits["ph-assets/moor_1k.hdr"] = [(503, {}, b"")] * 20
    fetched = fetch()
    assert "later" in fetched.stopped and fetched.downloaded == 0
    assert server.times("ph-assets/moor_1k.hdr") == ATTEMPTS


def test_an_interrupted_run_leaves_no_name_and_the_next_goes_on(fetch, server, tmp_path):
    def interrupt(file, size):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("moor", progress=interrupt)
    assert not (tmp_path / "moor_1k.hdr").exists()
    assert not fetch("moor").failed and (tmp_path / "moor_1k.hdr").exists()


def test_the_command_lists_chooses_and_fetches(server, tmp_path):
    def call(*words):
        return CliRunner().invoke(command, [*words, "--url", server.url, "--pause", "0"])

    listed = call("--list", "--category", "indoor")
    assert listed.exit_code == 0 and listed.output == "hall: Hall, by Ada (indoor)\n"
    out = tmp_path / "environments"
    result = call("--out", str(out), "--count", "1", "--resolution", "1k", "--format", "hdr")
    assert result.exit_code == 0, result.output
    assert "1 got" in result.output and (out / "moor_1k.hdr").exists()
    assert not (out / "hall_1k.hdr").exists()
    quiet = call("--out", str(out), "--count", "1", "--resolution", "1k", "--quiet", "--json")
    content = json.loads(quiet.stdout)
    assert content["out"] == str(out) and not content["failed"] and "%|" not in quiet.stderr
    (hall,) = json.loads(call("--list", "--category", "indoor", "--json").stdout)
    assert hall["name"] == "hall"
    missing = call("hall", "--out", str(out), "--resolution", "4k", "--format", "exr")
    assert missing.exit_code == 1 and "no 4k .exr of it" in missing.output


def test_a_site_out_of_reach_is_a_line_and_no_folder(tmp_path):
    source = EnvironmentSource("http://127.0.0.1:9", pause=0, sleep=lambda seconds: None)
    with pytest.raises(BadInput, match=r"127.0.0.1:9/assets: no answer .*; try again later"):
        source.listings()
    with pytest.raises(BadInput, match="--url: found 'polyhaven'"):
        EnvironmentSource("polyhaven")
