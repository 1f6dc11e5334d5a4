"""A set of films, the shards that `synth pack` makes of them, and runs that copy these films."""

from __future__ import annotations

from pathlib import Path

import pytest

from synth.clips.shards import pack
from synth.films.render_videos import render_videos
from synth.films.run_options import RunOptions
from synth.films.shard_store import open_store
from synth.workers.processes import LocalMachine
from tests.synth.serial_pool import SerialPool
from tests.synth.small_film_set import open_set, plan_set, write_inputs

CLIPS, PER_SHARD = 12, 3


@pytest.fixture(scope="session")
def folder(tmp_path_factory, body) -> Path:
    folder = tmp_path_factory.mktemp("packing")
    write_inputs(folder, body)
    return folder


@pytest.fixture(scope="session")
def inputs(folder):
    return open_set(folder)


@pytest.fixture(scope="session")
def rows(inputs):
    return plan_set(inputs, "film.layout=compact", clips=CLIPS)


@pytest.fixture(scope="session")
def shards(folder, inputs, rows) -> dict[str, bytes]:
    """What `synth pack` makes of all films, by file."""
    render_videos(rows, inputs, folder / "whole", RunOptions(workers=2))
    pack(folder / "whole", folder / "shards", clips_per_shard=PER_SHARD)
    return contents(open_store(str(folder / "shards")))


@pytest.fixture
def copies(monkeypatch, folder, shards):
    """Films of this process are copies of the whole ones; what is in the set fails."""
    failing: set[str] = set()

    def pool(self, open_worker, settings, *, not_retried):
        return SerialPool(folder / "whole", settings.out, failing)

    monkeypatch.setattr(LocalMachine, "pool", pool)
    return failing


def contents(store) -> dict[str, bytes]:
    """The shards and their index."""
    return {n: store.read(n) for n in store.sizes() if n.endswith(".tar") or n == "shards.json"}
