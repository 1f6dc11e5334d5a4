"""Films through a lens: other pictures, the same labels, and the sharp film where it is asked for."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np

from synth.checks.inspection import inspect
from synth.clips.clip import read_clip
from synth.clips.mat_files import read_mat
from synth.clips.shard_samples import sample_key
from synth.clips.video_files import read_video
from synth.films.render_videos import render_videos
from synth.films.run_options import RunOptions
from tests.synth.small_film_set import open_set, plan_set, write_inputs

LENS = (
    *("lens.shutter=[0.8,0.8]", "lens.defocus=[0.9,0.9]", "lens.exposure=[-0.3,-0.3]"),
    *("lens.shot_noise=[0.02,0.02]", "lens.codecs={h264 = 1}", "lens.h264=[30,30]"),
    *("lens.backdrop_defocus=[1.5,1.5]", "lens.read_noise=[0.001,0.001]"),
)
NO_LENS = (
    *("lens.shutter=[0,0]", "lens.defocus=[0,0]", "lens.backdrop_defocus=[0,0]"),
    *("lens.exposure=[0,0]", "lens.shot_noise=[0,0]", "lens.read_noise=[0,0]"),
    "lens.codecs={none = 1, h264 = 0, jpeg = 0}",
)


def lines(path: Path) -> list[dict]:
    """The lines of a .jsonl file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def labels(folder: Path) -> dict[str, bytes]:
    """The channels' files of every clip."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".npz", ".mat", ".png") and not path.name.endswith("_info.mat")
    }


def test_a_lens_changes_the_film_and_no_label(body, tmp_path):
    write_inputs(tmp_path, body)
    inputs = open_set(tmp_path)
    layout = "film.layout=compact"
    plain_rows = plan_set(inputs, layout, *NO_LENS, clips=2)
    rows = plan_set(inputs, layout, *LENS, "lens.sharp=true", clips=2)
    # Nothing else of a row depends on its lens.
    assert [json.loads(row.to_json()) | {"lens": 0} for row in rows] == [
        json.loads(row.to_json()) | {"lens": 0} for row in plain_rows
    ]
    for name, planned in (("plain", plain_rows), ("lens", rows), ("again", rows)):
        options = RunOptions(workers=2 if name == "again" else 1)
        assert render_videos(planned, inputs, tmp_path / name, options).failures == ()
    plain, lens = tmp_path / "plain", tmp_path / "lens"
    assert labels(plain) == labels(lens) != {}
    films = {p.relative_to(lens) for p in lens.rglob("*.mp4")}
    assert len(films) == 4  # each beside its sharp one
    assert all(
        (lens / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in films
    )
    for row in rows:
        film, sharp = lens / f"{row.stem}.mp4", lens / f"{row.stem}_sharp.mp4"
        assert sharp.read_bytes() == (plain / f"{row.stem}.mp4").read_bytes()
        seen, without = read_video(film), read_video(sharp)
        assert seen.shape == without.shape
        # Less light, and softer: less from one pixel to the next.
        assert seen.mean() < 0.97 * without.mean()
        steps = [np.abs(np.diff(f.astype(float), axis=2)).mean() for f in (seen, without)]
        assert steps[0] < 0.8 * steps[1]
        info = read_mat(lens / f"{row.stem}_info.mat", advice="")
        assert json.loads(info["lens_fields"][0])["h264"] == 30 == row.lens.h264
        assert read_clip(lens / row.stem).frames.shape == seen.shape
    # Whoever checks the files knows the backgrounds as the lens shows them.
    inspections = inspect(lens, workers=1)
    assert [i.stem for i in inspections] == sorted(row.stem for row in rows)
    assert [(i.wrong, i.missing) for i in inspections] == [((), ())] * 2
    recorded = {line["path"]: line["files"] for line in lines(lens / "checksums.jsonl")}
    assert all("_sharp.mp4" in recorded[row.stem] for row in rows)
    # Who makes shards while filming gets the sharp films in them, and no file is left behind.
    packed = tmp_path / "packed"
    options = RunOptions(workers=1, store=str(packed), clips_per_shard=2)
    assert render_videos(rows, inputs, packed, options).failures == ()
    with tarfile.open(next(packed.glob("*.tar"))) as shard:
        members = {name: shard.extractfile(name).read() for name in shard.getnames()}
    for row in rows:
        sharp = (lens / f"{row.stem}_sharp.mp4").read_bytes()
        assert members[f"{sample_key(row.stem)}.sharp.mp4"] == sharp
    assert [*packed.rglob("*.mp4")] == []


def test_a_damaged_sharp_film_is_found_and_a_missing_one_is_made_again(body, tmp_path):
    write_inputs(tmp_path, body)
    inputs = open_set(tmp_path)
    rows = plan_set(inputs, "film.layout=compact", *LENS, "lens.sharp=true", clips=1)
    out = tmp_path / "out"
    assert render_videos(rows, inputs, out).failures == ()
    sharp = out / f"{rows[0].stem}_sharp.mp4"
    whole = sharp.read_bytes()
    sharp.write_bytes(whole[:2000])
    (inspection,) = inspect(out, workers=1)
    assert any(sharp.name in line for line in inspection.wrong), inspection
    sharp.unlink()
    assert render_videos(rows, inputs, out).rendered == 1
    assert sharp.read_bytes() == whole
