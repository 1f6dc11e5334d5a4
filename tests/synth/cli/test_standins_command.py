"""`synth standins`: as many of everything as its counts say, from its seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synth.standins.action_videos import ActionVideosSize
from synth.standins.actions import ACTIONS
from synth.standins.motions import write_motions
from tests.synth.cli.running import refusal, succeed


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_motions_of_so_many_people_and_variations(tmp_path):
    words = ["standins", "motions", "--count-subjects", 1, "--count-variations", 2]
    told = succeed(*words, "--seed", 3, "--out", tmp_path / "a").output
    assert f"{2 * len(ACTIONS)} motions" in told
    first = contents(tmp_path / "a")
    assert len([name for name in first if name.endswith(".amc")]) == 2 * len(ACTIONS)
    assert len([name for name in first if name.endswith(".asf")]) == 1
    succeed("standins", "motions", "--count-subjects", 1, "--seed", 3, "--out", tmp_path / "b")
    second = contents(tmp_path / "b")
    motions = [name for name in second if name.endswith(".amc")]
    assert len(motions) == len(ACTIONS) and all(first[name] == second[name] for name in motions)
    succeed("standins", "motions", "--count-subjects", 1, "--seed", 4, "--out", tmp_path / "c")
    assert contents(tmp_path / "c")[motions[0]] != second[motions[0]]


def test_pedestrians_of_so_many_people_and_crops(tmp_path):
    words = ["standins", "pedestrians", "--seed", 5, "--count-images-per-camera", 1]
    words += ["--count-train-identities", 3, "--count-test-identities", 2]
    succeed(*words, "--count-distractors", 4, "--count-junk", 1, "--out", tmp_path / "market")
    names = {
        folder: [path.name for path in (tmp_path / "market" / folder).glob("*.jpg")]
        for folder in ("bounding_box_train", "bounding_box_test", "query")
    }
    train = [name.split("_")[:2] for name in names["bounding_box_train"]]
    assert len({identity for identity, _ in train}) == 3
    cameras = {(identity, camera[:2]) for identity, camera in train}
    assert len(cameras) == len(train)  # one crop per person and camera
    test = [name.split("_")[0] for name in names["bounding_box_test"]]
    assert (test.count("0000"), test.count("-1")) == (4, 1)
    assert len(set(test) - {"0000", "-1"}) == 2
    assert {name.split("_")[0] for name in names["query"]} == set(test) - {"0000", "-1"}
    first = contents(tmp_path / "market")
    more = [
        "--count-distractors",
        4,
        "--count-junk",
        1,
        "--workers",
        1,
        "--out",
        tmp_path / "alone",
    ]
    result = succeed(*words, *more, "--quiet", "--json")
    assert json.loads(result.stdout)["crops"]["train"] == len(train) and "%|" not in result.stderr
    assert contents(tmp_path / "alone") == first
    succeed(*words, "--count-distractors", 0, "--count-junk", 0, "--out", tmp_path / "less")
    less = [path.name for path in (tmp_path / "less" / "bounding_box_test").glob("*.jpg")]
    assert less and not any(name.startswith(("0000", "-1")) for name in less)
    words[words.index("--seed") + 1] = 6
    succeed(*words, "--count-distractors", 4, "--count-junk", 1, "--out", tmp_path / "other")
    assert contents(tmp_path / "other") != first


def test_birds_of_so_many_species_and_photographs(tmp_path):
    words = ["standins", "birds", "--count-species", 2, "--count-train-images", 2]
    words += ["--count-test-images", 1]
    told = succeed(*words, "--seed", 5, "--workers", 1, "--out", tmp_path / "a").output
    assert f"{tmp_path / 'a'}: 6 photographs of birds" in told
    first = contents(tmp_path / "a")
    assert len([name for name in first if name.endswith(".jpg")]) == 6
    split = first["train_test_split.txt"].decode().split("\n")
    assert sum(line.endswith(" 1") for line in split) == 4
    succeed(*words, "--seed", 6, "--out", tmp_path / "b")
    assert contents(tmp_path / "b") != first
    succeed(*words, "--seed", 5, "--workers", 2, "--out", tmp_path / "c")
    assert contents(tmp_path / "c") == first


def test_action_videos_are_written_by_so_many_processes(monkeypatch, tmp_path):
    requests = []

    def record(out, *, body, **options):
        requests.append((out, options))
        return 7

    monkeypatch.setattr("synth.standins.action_videos.write_action_videos", record)
    words = ["standins", "actions", "--out", tmp_path / "ucf"]
    assert f"{tmp_path / 'ucf'}: 7 videos" in succeed(*words, "--seed", 2, "--workers", 3).output
    content = json.loads(succeed(*words, "--quiet", "--json").stdout)
    assert content == {"out": str(tmp_path / "ucf"), "videos": 7}
    size = ActionVideosSize()
    assert requests == [
        (tmp_path / "ucf", {"seed": 2, "size": size, "workers": 3}),
        (tmp_path / "ucf", {"seed": 0, "size": size, "workers": None}),
    ]


def test_recorded_motions_are_filmed_in_given_clothes_and_places(monkeypatch, tmp_path):
    requests = []

    def record(out, library, *, body, **options):
        requests.append((out, library.folder, options))
        return 12, ("kick: too little",)

    monkeypatch.setattr("synth.standins.recorded_videos.write_recorded_videos", record)
    for name in ("motions", "textures", "environments"):
        (tmp_path / name).mkdir()
    write_motions(tmp_path / "motions", seed=1, subjects=1, variations=1)
    words = ["standins", "actions", "--motions", tmp_path / "motions", "--out", tmp_path / "ucf"]
    sources = ["--textures", tmp_path / "textures", "--environments", tmp_path / "environments"]
    output = succeed(*words, *sources, "--count-groups", 6, "--count-clips", 1, "--seed", 3).output
    assert "no class: kick: too little" in output and "12 videos" in output
    (out, folder, options), surroundings = requests[0], requests[0][2]["surroundings"]
    assert (out, folder) == (tmp_path / "ucf", tmp_path / "motions")
    assert (options["size"].groups, options["size"].clips, options["seed"]) == (6, 1, 3)
    assert surroundings.textures == tmp_path / "textures"
    assert surroundings.environments == tmp_path / "environments"
    told = refusal("standins", "actions", "--out", tmp_path / "ucf", *sources[:2])
    assert "--textures goes with --motions" in told


def test_shapes_and_fractals_come_in_class_folders_from_their_seed(tmp_path):
    for kind in ("shapes", "fractals"):
        words = ["standins", kind, "--count-classes", 2, "--count-clips", 2, "--frames", 4]
        for seed, workers, name in ((1, 1, "a"), (1, 2, "b"), (2, 2, "c")):
            chosen = ["--seed", seed, "--workers", workers]
            succeed(*words, *chosen, "--out", tmp_path / kind / name)
        first, again, other = (contents(tmp_path / kind / name) for name in "abc")
        assert first == again != other and len({Path(path).parts[0] for path in first}) >= 2


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (("motions",), "--count-subjects"),
        (("motions",), "--count-variations"),
        (("pedestrians",), "--count-train-identities"),
        (("pedestrians",), "--count-test-identities"),
        (("pedestrians",), "--count-images-per-camera"),
        (("birds",), "--count-species"),
        (("birds",), "--count-train-images"),
        (("birds",), "--count-test-images"),
        (("actions",), "--workers"),
    ],
)
def test_none_of_them_is_refused(tmp_path, words, option):
    assert f"'{option}'" in refusal("standins", *words, "--out", tmp_path / "out", option, 0)
    assert not (tmp_path / "out").exists()
