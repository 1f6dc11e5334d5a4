"""Films as shards in an object store that speaks S3: moto's server on this machine."""

from __future__ import annotations

import os

import pytest

from mocap.errors import BadInput
from synth.films.packed_films import PackedFilms, StoreSettings
from synth.films.render_videos import render_videos
from synth.films.run_options import RunOptions
from synth.films.shard_checksums import verify_shards
from synth.films.shard_store import RemoteStore, open_store
from tests.synth.films.conftest import CLIPS, PER_SHARD, contents

server = pytest.importorskip("moto.server", reason="moto and flask are not installed")
pytest.importorskip("s3fs", reason="s3fs is not installed")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bucket():
    """The address of an empty bucket of a server on this machine."""
    import boto3

    moto = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    moto.start()
    host, port = moto.get_host_and_port()
    settings = {
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.delenv(name, raising=False)
        patch.setenv("NO_PROXY", os.environ.get("NO_PROXY", "") + ",127.0.0.1")
        boto3.client("s3").create_bucket(Bucket="films")
        yield "s3://films"
    moto.stop()


def packing(store: str, **more) -> RunOptions:
    return RunOptions(workers=1, store=store, clips_per_shard=PER_SHARD, **more)


def test_films_go_up_as_the_shards_of_synth_pack_and_a_run_knows_what_is_up(
    tmp_path, bucket, inputs, rows, shards, copies
):
    store = f"{bucket}/whole"
    assert isinstance(open_store(store), RemoteStore)
    first = render_videos(rows, inputs, tmp_path / "one", packing(store, shard=(1, 2)))
    second = render_videos(rows, inputs, tmp_path / "two", packing(store))
    assert (second.rendered, second.already) == (CLIPS - first.rendered, first.rendered)
    assert contents(open_store(store)) == shards
    names = open_store(store).sizes()
    assert [name for name in names if name.startswith(".")] == []
    assert verify_shards(store).changed == () and verify_shards(store).clips == CLIPS
    with pytest.raises(BadInput, match="is of another plan"):
        PackedFilms(tmp_path, rows[::-1], StoreSettings(store, PER_SHARD)).begin()


def test_a_shard_of_which_only_a_part_is_there_is_made_again_and_one_byte_is_noticed(
    tmp_path, bucket, inputs, rows, shards, copies
):
    store = f"{bucket}/damaged"
    render_videos(rows, inputs, tmp_path / "one", packing(store))
    name = next(name for name in shards if name.endswith(".tar"))
    open_store(store).write(name, shards[name][:-1] + b"x")
    assert verify_shards(store).changed == (name,)
    open_store(store).write(name, shards[name][:2000])
    render_videos(rows, inputs, tmp_path / "one", packing(store))
    assert contents(open_store(store)) == shards


def test_a_bucket_that_is_not_there_is_one_line(
    tmp_path, bucket, inputs, rows, copies, monkeypatch
):
    monkeypatch.setattr("synth.films.shard_store._PAUSES", ())
    with pytest.raises(BadInput, match=r"s3://nowhere/x: conventions\.json: .*bucket"):
        render_videos(rows, inputs, tmp_path / "out", packing("s3://nowhere/x"))
