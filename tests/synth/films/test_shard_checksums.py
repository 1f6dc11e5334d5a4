"""Shards are compared with their index, in a folder and at an address."""

from __future__ import annotations

import json

import pytest

from mocap.errors import BadInput
from synth.films.shard_checksums import verify_shards
from synth.films.shard_store import open_store
from tests.synth.cli.running import refusal, run, succeed

NAMES = ("train-000000.tar", "train-000001.tar", "val-000000.tar")


@pytest.fixture(params=["folder", "memory"])
def address(tmp_path, request) -> str:
    import hashlib

    address = str(tmp_path / "s") if request.param == "folder" else f"memory://{tmp_path.name}/s"
    store, entries = open_store(address), []
    for number, name in enumerate(NAMES):
        content = bytes([number]) * (1000 + number)
        store.write(name, content)
        digest = hashlib.sha256(content).hexdigest()
        entries.append({"file": name, "clips": 2, "sha256": digest, "bytes": len(content)})
    store.write("shards.json", json.dumps({"version": 1, "shards": entries}).encode())
    return address


def test_changed_missing_and_unlisted_shards_are_named(address):
    store = open_store(address)
    assert verify_shards(address).files == 3 and not verify_shards(address).changed
    assert (
        "3 files of 6 clips compared, 0 changed" in succeed("check", address, "--checksums").output
    )
    store.write(NAMES[1], bytes([1]) * 1000 + b"\0")
    store.write("val-000009.tar", b"another")
    report = verify_shards(address)
    assert (report.changed, report.missing) == ((NAMES[1],), ())
    assert report.unlisted == ("val-000009.tar",)
    result = run("check", address, "--checksums")
    assert result.exit_code == 1 and f"changed: {address}/{NAMES[1]}" in result.output
    index = json.loads(store.read("shards.json"))
    index["shards"].append({**index["shards"][0], "file": "train-000002.tar"})
    store.write("shards.json", json.dumps(index).encode())
    assert verify_shards(address).missing == ("train-000002.tar",)
    assert "leave it out" in refusal("check", address, "--checksums", "--count-clips", 1)
    store.write("shards.json", b"{")
    with pytest.raises(BadInput, match=r"shards\.json: not JSON"):
        verify_shards(address)


def test_an_address_is_only_for_checksums_and_must_have_shards():
    assert "memory://nothing: an address" in refusal("check", "memory://nothing")
    with pytest.raises(BadInput, match=r"memory://nothing: no shards\.json"):
        verify_shards("memory://nothing")
    assert "memory:/nothing: no such folder" in refusal("check", "memory://nothing", "--checksums")
