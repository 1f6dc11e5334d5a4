"""`synth render-videos`, whole: the same bytes however many work on it, going on, and bad input."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mocap.errors import BadInput
from mocap.readers.acclaim.asf_amc import write_amc, write_asf
from synth import cli
from synth.checks.check import CheckFailed
from synth.checks.clip_results import read_clip_results
from synth.clips.clip import read_clip
from synth.films import clip_renderer
from synth.films.clip_renderer import RenderSettings
from synth.films.inputs import open_inputs
from synth.films.render_videos import FilmSummary, plan_films, render_videos
from synth.films.run_options import RunOptions
from synth.plans.plan_row import read_plan
from synth.plans.preset import read_preset
from tests.mocap.cmu_like import cmu_like
from textures.library import TextureEntry, write_manifest, write_texture

INDEX = "motion,subject,trial,subject_title,description,framerate_fps,fps_source\n"


@pytest.fixture
def motions(tmp_path) -> Path:
    """Two people who raise an arm, one the left and one the right, 36 frames at 60 frames a second."""
    folder = tmp_path / "motions"
    skeleton = cmu_like()
    lines = [INDEX]
    for number, description in ((1, "wave"), (2, "stretch")):
        subject = f"{number:02d}"
        (folder / subject).mkdir(parents=True)
        write_asf(skeleton, folder / subject / f"{subject}.asf")
        frames = np.zeros((36, len(skeleton.channels)))
        frames[:, skeleton.columns["root", "ty"]] = 0.95
        bone, dof = (("lhumerus", "rz"), ("rhumerus", "rz"))[number - 1]
        frames[:, skeleton.columns[bone, dof]] = np.linspace(0, 1, 36)
        write_amc(skeleton, frames, folder / subject / f"{subject}_01.amc")
        lines.append(f"{subject}_01,{number},1,tests,{description},60,made\n")
    (folder / "motion_index.csv").write_text("".join(lines))
    return folder


@pytest.fixture
def textures(tmp_path, body) -> Path:
    return texture_folder(tmp_path / "textures", body.uv_layout)


def texture_folder(folder: Path, layout: str) -> Path:
    folder.mkdir()
    entries = []
    for k, colour in enumerate([(200, 60, 60), (60, 60, 200)]):
        write_texture(folder / f"{k}.png", np.full((64, 64, 3), colour, np.uint8))
        entries.append(
            TextureEntry(f"{k}.png", layout, 64, f"{k}.jpg", "", str(k), None, ("train", "val")[k])
        )
    write_manifest(folder, entries)
    return folder


SMALL = (
    *("windows.frames=5", "windows.shortest=2", "film.samples=1"),
    *("film.width=160", "film.height=120", "camera.focal=300"),
)


def film(
    motions: Path, textures: Path, out: Path, *overrides: str, clips: int = 3, **options
) -> FilmSummary:
    """Plan and film, as the command does."""
    inputs = open_inputs(motions=motions, textures={"": textures})
    preset = read_preset("standard", [*SMALL, *overrides])
    rows = plan_films(inputs, preset, clips=clips, workers=1)[""]
    return render_videos(rows, inputs, out, RunOptions(**options))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the ledger's, which tell of times."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "ledger"
    }


@pytest.mark.slow
def test_one_worker_and_two_make_the_same_bytes_and_a_second_run_goes_on(
    motions, textures, tmp_path
):
    one = film(motions, textures, tmp_path / "one", workers=1)
    two = film(motions, textures, tmp_path / "two", workers=2)
    assert (
        (one.rendered, one.already, one.failures)
        == (two.rendered, two.already, two.failures)
        == (3, 0, ())
    )
    first, second = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert list(first) == list(second)
    assert [name for name in first if first[name] != second[name]] == []
    lines = [json.loads(line) for line in first["clips.jsonl"].decode().splitlines()]
    assert len(lines) == 3 and {line["frames"] for line in lines} == {5}
    assert {line["category"] for line in lines} >= {"wave"}
    assert set(path.name for path in (tmp_path / "one").iterdir()) <= {
        *("plan.jsonl", "clips.jsonl", "checksums.jsonl", "conventions.json"),
        *("ledger", "train", "val"),
    }

    clip = read_clip(tmp_path / "one" / lines[0]["path"])
    colour = np.median(clip.frames[clip.truth.mask], axis=0)
    assert (colour.argmax() == 0) == (lines[0]["texture"] == "0.png")

    # A clip lost and one asked for in addition: those two are made, the others are left alone.
    (tmp_path / "one" / f"{lines[1]['path']}_info.mat").unlink()
    kept = tmp_path / "one" / f"{lines[0]['path']}.mp4"
    before = kept.stat().st_mtime_ns
    more = film(motions, textures, tmp_path / "one", workers=1, clips=4)
    assert (more.planned, more.already, more.rendered) == (4, 2, 2)
    assert kept.stat().st_mtime_ns == before
    again = contents(tmp_path / "one")
    assert {name: again[name] for name in second if name.startswith(("train", "val"))} == {
        name: data for name, data in second.items() if name.startswith(("train", "val"))
    }
    with pytest.raises(BadInput, match="made from another plan"):
        film(motions, textures, tmp_path / "one", "film.samples=2")


def run(monkeypatch, capsys, *arguments, command="render-videos") -> tuple[int, list[str]]:
    """Exit status and lines on stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["synth", command, *map(str, arguments)])
    try:
        cli.main()
        status = 0
    except SystemExit as stop:
        status = stop.code or 0
    return status, capsys.readouterr().err.strip().splitlines()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--motions", "{tmp}/empty"), "{tmp}/empty: no motions found"),
        (("--motions", "{tmp}/nowhere"), "{tmp}/nowhere: no such folder"),
        (("--textures", "{tmp}/empty"), "textures.jsonl: no such file"),
        (("--textures", "{tmp}/other"), "{tmp}/other/0.png: made for UV layout 'other'"),
        (("--textures", "{tmp}/broken"), "{tmp}/broken: no texture of its library can be read"),
        (("--backgrounds", "{tmp}/empty"), "{tmp}/empty: no readable photograph"),
        (("--device", "abacus"), "Invalid value for '--device': abacus: expected cpu, cuda"),
        (
            ("--channels", "depth,albedo"),
            "Invalid value for '--channels': albedo: expected some of depth",
        ),
        (("--count-clips", "0"), "Invalid value for '--count-clips': 0 is not in the range x>=1."),
        (("--frames", "1"), "Invalid value for '--frames': 1 is not in the range x>=2."),
        (("--fps", "0"), "Invalid value for '--fps': 0.0 is not in the range 0<x<=1000."),
        (("--set", "camera.fokal=3"), "no field camera.fokal; did you mean camera.focal"),
        (("--preset", "nothing"), "preset nothing: no such preset or file"),
        (("--shard", "3/2"), "--shard 3/2: expected K/N"),
        (("--plan", "{tmp}/none.jsonl"), "{tmp}/none.jsonl: no such plan"),
    ],
)
def test_bad_input_is_one_line_with_the_file_and_leaves_nothing(
    motions, textures, tmp_path, monkeypatch, capsys, change, words
):
    (tmp_path / "empty").mkdir()
    texture_folder(tmp_path / "other", "other")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "textures.jsonl").write_text((textures / "textures.jsonl").read_text())
    for name in ("0.png", "1.png"):
        (broken / name).write_bytes(b"not an image")
    out = tmp_path / "out"
    arguments = {"--motions": motions, "--textures": textures, "--out": out, "--count-clips": 1}
    if change[0] == "--plan":
        del arguments["--count-clips"]
    arguments[change[0]] = change[1].format(tmp=tmp_path)
    status, lines = run(monkeypatch, capsys, *(part for pair in arguments.items() for part in pair))
    assert status != 0
    assert len([line for line in lines if line.startswith("Error")]) == 1
    assert words.format(tmp=tmp_path) in lines[-1]
    assert not out.exists()


def test_damaged_items_are_named_left_out_and_counted_or_refused(
    motions, textures, tmp_path, monkeypatch, capsys
):
    amc = motions / "02" / "02_01.amc"
    amc.write_text(amc.read_text()[:-600])
    (textures / "1.png").write_bytes(b"not an image")
    common = ["--motions", motions, "--textures", textures, "--out", tmp_path / "plan.jsonl"]
    common += ["--frames", 5, "--count-clips", 2]
    status, lines = run(monkeypatch, capsys, *common, command="plan")
    assert status == 0
    assert [str(amc) in line for line in lines] == [True, False]
    assert str(textures / "1.png") in lines[1]
    assert all(line.startswith("left out: ") for line in lines)
    assert {row.sequence for row in read_plan(tmp_path / "plan.jsonl")} == {"01_01"}

    common[common.index("--out") + 1] = tmp_path / "strict"
    status, lines = run(monkeypatch, capsys, *common, "--strict", command="plan")
    assert status == 1 and lines[-1].startswith("Error: 2 inputs cannot be used (--strict)")
    assert not (tmp_path / "strict").exists()

    only = tmp_path / "only"
    (only / "02").mkdir(parents=True)
    for path in (motions / "02").iterdir():
        (only / "02" / path.name).write_bytes(path.read_bytes())
    (only / "motion_index.csv").write_text((motions / "motion_index.csv").read_text())
    common[1] = only
    status, lines = run(monkeypatch, capsys, *common, command="plan")
    assert status == 1 and "02_01.amc" in lines[-1]


def test_a_film_that_contradicts_itself_is_not_published(motions, textures, tmp_path, monkeypatch):
    inputs = open_inputs(motions=motions, textures={"": textures})
    preset = read_preset("standard", [*SMALL, "film.engine=raster", "film.samples=10"])
    (row,) = plan_films(inputs, preset, clips=1, workers=1)[""]
    entries = {e.source_in(inputs.library.folder): e for e in inputs.library.entries}
    settings = RenderSettings(
        entries=entries,
        bodies=inputs.bodies,
        textures=textures,
        backgrounds=None,
        environments=None,
        out=tmp_path / "out",
        partial=tmp_path / "partial",
        scratch=None,
        device="cpu",
        threads=1,
    )
    honest = clip_renderer.ground_truth

    def mirrored(*arguments, **options):
        truth = honest(*arguments, **options)
        return replace(truth, parts=truth.parts[:, :, ::-1], depth=truth.depth[:, :, ::-1])

    monkeypatch.setattr(clip_renderer, "ground_truth", mirrored)
    with (
        pytest.raises(CheckFailed, match="body in one channel and not in another"),
        clip_renderer.open_clip_renderer(settings) as film_row,
    ):
        film_row(row, lambda frames: None)
    assert contents(tmp_path) == {
        name: data
        for name, data in contents(tmp_path).items()
        if name.startswith(("motions", "textures"))
    }
    monkeypatch.undo()
    with clip_renderer.open_clip_renderer(settings) as film_row:
        film_row(row, lambda frames: None)
    results = read_clip_results(tmp_path / "out" / row.stem)
    assert results["good"] and results["checks"]["silhouette"]["figures"]["silhouette_iou"] > 0.93
