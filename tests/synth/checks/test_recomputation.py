"""`synth ground-truth`: channels computed again from a clip's information."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mocap.bodies.loading import BodySource
from mocap.errors import BadInput
from synth.checks.recomputation import RecomputationSettings, recompute, recompute_clip
from synth.clips.channel_files import channel_files
from synth.clips.clip import clip_files, publish, read_clip
from synth.clips.clip_bodies import FilmBodies
from synth.scene.ground_truth import CHANNELS
from tests.synth.film_clip import make_clip


@pytest.fixture(scope="module")
def made(body):
    return make_clip(body, frames=4, channels=CHANNELS, tracks=40)


@pytest.fixture(scope="module")
def bodies() -> FilmBodies:
    return FilmBodies(BodySource())


def published(made, folder: Path) -> Path:
    made.write(folder / "partial")
    publish(folder / "partial", folder / "films", made.row)
    return folder / "films"


def settings(folder: Path, channels=CHANNELS, **changes) -> RecomputationSettings:
    shared = {"out": folder, "layout": None, "overwrite": False, "bodies": BodySource()}
    return RecomputationSettings(
        folder=folder, partial=folder / "partial", channels=tuple(channels), **shared | changes
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("layout", ["surreal", "compact"])
def test_channels_that_were_deleted_come_back_byte_for_byte(made, bodies, tmp_path, layout):
    made = replace(made, row=replace(made.row, layout=layout))
    out = published(made, tmp_path)
    before = contents(out)
    for suffix in channel_files(CHANNELS, layout):
        Path(f"{out / made.row.stem}{suffix}").unlink()
    # Film, information and, where it has a file of its own, what the checks said.
    assert len(contents(out)) == (2 if layout == "surreal" else 3)
    assert recompute_clip(made.row.stem, settings(out), bodies)
    assert contents(out) == before
    assert not recompute_clip(made.row.stem, settings(out), bodies)  # all there already


def test_a_part_is_computed_and_what_is_there_stays(made, bodies, tmp_path):
    out = published(made, tmp_path)
    before = contents(out)
    path = Path(f"{out / made.row.stem}_depth.mat")
    path.write_bytes(b"another")
    assert not recompute_clip(made.row.stem, settings(out, ["depth"]), bodies)
    assert path.read_bytes() == b"another"
    assert recompute_clip(made.row.stem, settings(out, ["depth"], overwrite=True), bodies)
    assert contents(out) == before


def test_another_layout_goes_to_another_folder(made, bodies, tmp_path):
    out, other = published(made, tmp_path), tmp_path / "compact"
    with pytest.raises(BadInput, match="in the layout surreal, asked for compact; give --out"):
        recompute_clip(made.row.stem, settings(out, layout="compact"), bodies)
    request = settings(out, ["segm", "depth"], layout="compact", out=other)
    assert recompute_clip(made.row.stem, request, bodies)
    name = Path(made.row.stem).name
    assert {path.name for path in other.rglob("*.npz")} == {
        name + suffix for suffix in ("_mask.npz", "_depth.npz", "_segm.npz")
    }


def test_surreals_layout_is_refused_for_a_camera_that_moves(body, bodies, tmp_path):
    view = replace(make_clip(body, frames=1).row.view, move="orbit", amount=0.4)
    made = make_clip(body, frames=2, view=view, layout="compact")
    out = published(made, tmp_path)
    request = settings(out, ["segm"], out=tmp_path / "other", layout="surreal")
    with pytest.raises(BadInput, match=r"c0002: the camera moves .*--layout compact"):
        recompute_clip(made.row.stem, request, bodies)
    assert not (tmp_path / "other").exists()


def test_a_clip_of_another_body_is_refused(made, bodies, tmp_path):
    out = published(replace(made, body_name="smpl-male"), tmp_path)
    with pytest.raises(BadInput, match=r"_info\.mat: made with the body smpl-male, found "):
        recompute_clip(made.row.stem, settings(out, overwrite=True), bodies)


def test_damaged_information_is_named(made, bodies, tmp_path):
    out = published(made, tmp_path)
    path = Path(f"{out / made.row.stem}_info.mat")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(BadInput, match=r"c0002_info\.mat"):
        recompute_clip(made.row.stem, settings(out), bodies)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": ["albedo"]}, "--channels: albedo, expected some of depth"),
        ({"channels": []}, "--channels: none, expected"),
        ({"layout": "small"}, "--layout small: expected surreal or compact"),
        ({"workers": 0}, "--workers 0"),
        ({"clips": 0}, "--count-clips 0"),
        ({"folder": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_bad_requests_are_refused(made, tmp_path, change, words):
    out = published(made, tmp_path)
    before = contents(out)
    request = {"folder": out, "channels": ["depth"], **change}
    with pytest.raises(BadInput, match=words):
        recompute(**request)
    assert contents(out) == before


@pytest.mark.slow
def test_a_set_is_slimmed_and_filled_again_without_blender(made, tmp_path):
    out = published(made, tmp_path)
    before = contents(out)
    for suffix in channel_files(CHANNELS, "surreal"):
        Path(f"{out / made.row.stem}{suffix}").unlink()
    code = (
        "import sys; from pathlib import Path; from synth.checks.recomputation import recompute\n"
        "from synth.checks import inspection, summary\n"
        "from synth.cli import check, ground_truth\n"
        "if __name__ == '__main__':\n"
        f"    summary = recompute(Path({str(out)!r}), {list(CHANNELS)!r}, workers=1)\n"
        "    assert (summary.computed, summary.already, summary.failures) == (1, 0, ()), summary\n"
        "    assert 'bpy' not in sys.modules\n"
    )
    script = tmp_path / "fill.py"
    script.write_text(code)
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, script], check=True, env={**environment(), "PYTHONPATH": root})
    assert contents(out) == before
    clip = read_clip(out / made.row.stem)
    assert clip.truth.tracks2d.shape == (4, 40, 2)
    assert len(clip_files(CHANNELS, "surreal")) == len(before)


def environment() -> dict[str, str]:
    import os

    return dict(os.environ)
