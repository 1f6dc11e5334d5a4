"""Parts of labelled sets: nested, by whole groups, the same for every arm."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from action_recog.datasets.class_folders import read_class_folders
from action_recog.datasets.films import Film, list_films, read_films
from action_recog.datasets.subsets import (
    choose_by_texture,
    groups_of_people,
    label_share,
    shuffle_labels,
)
from action_recog.datasets.ucf101 import carve_validation, load_split, load_training_set
from action_recog.errors import BadInput
from action_recog.videos.labelled_videos import LabelledVideo, VideoSet
from tests.action_recog.toy_videos import write_toy_ucf


def _videos(classes=3, groups=20, clips=2):
    names = [f"C{n}" for n in range(classes)]
    videos = [
        LabelledVideo(
            Path(f"{name}{g}{c}"), f"v_{name}_g{g:02d}_c{c:02d}", label, f"{name}_g{g:02d}"
        )
        for label, name in enumerate(names)
        for g in range(1, groups + 1)
        for c in range(clips)
    ]
    return VideoSet("toy", tuple(names), tuple(videos), True)


def test_label_shares_are_nested_whole_groups_of_every_class():
    videos = _videos()
    shares = {p: label_share(videos, p, seed=0) for p in (10, 25, 50, 100)}
    assert {p: len(s) for p, s in shares.items()} == {10: 12, 25: 30, 50: 60, 100: 120}
    for small, large in ((10, 25), (25, 50), (50, 100)):
        assert set(shares[small].videos) < set(shares[large].videos)
    for share in shares.values():
        assert Counter(v.label for v in share.videos).keys() == {0, 1, 2}
        assert set(Counter(v.group for v in share.videos).values()) == {2}
    assert label_share(videos, 25, seed=0) == shares[25]
    assert set(label_share(videos, 25, seed=1).videos) != set(shares[25].videos)


def test_a_share_takes_the_same_people_in_every_class_and_never_none():
    people = groups_of_people(_videos())
    assert {v.group for v in people.videos} == {f"g{n:02d}" for n in range(1, 21)}
    share = label_share(people, 25, seed=3)
    by_class = [{v.group for v in share.videos if v.label == label} for label in range(3)]
    assert by_class[0] == by_class[1] == by_class[2] and len(by_class[0]) == 5
    assert len(label_share(_videos(groups=3), 1, seed=0)) == 6


def test_people_are_held_out_of_every_class_at_once():
    people = groups_of_people(_videos(groups=6))
    remaining, held_out = carve_validation(people, groups=2, rng=np.random.default_rng(0))
    names = {v.group for v in held_out.videos}
    assert len(names) == 2 and len(held_out) == 2 * 2 * 3
    assert not names & {v.group for v in remaining.videos}


def test_no_class_is_carved_away_where_classes_share_people():
    videos = _videos(classes=2, groups=2)
    few = videos.subset(
        (replace(v, group="p" if v.label else v.group) for v in videos.videos), name="few"
    )
    shared = few.subset((replace(v, group=v.group[-1]) for v in few.videos), name="shared")
    for seed in range(5):
        remaining, _ = carve_validation(shared, groups=2, rng=np.random.default_rng(seed))
        assert {v.label for v in remaining.videos} == {0, 1}


def test_shuffled_labels_keep_every_class_as_large_and_repeat():
    videos = _videos()
    shuffled = shuffle_labels(videos, seed=0)
    assert shuffled == shuffle_labels(videos, seed=0) != shuffle_labels(videos, seed=1)
    labels = [v.label for v in videos.videos]
    assert Counter(v.label for v in shuffled.videos) == Counter(labels)
    assert [replace(v, label=0) for v in shuffled.videos] == [
        replace(v, label=0) for v in videos.videos
    ]
    right = np.mean([v.label == label for v, label in zip(shuffled.videos, labels)])
    assert right == pytest.approx(1 / 3, abs=0.15)


def test_the_training_list_is_read_without_the_test_list(tmp_path):
    videos, lists = write_toy_ucf(tmp_path, clips=1)
    train, _, missing = load_split(videos, lists, 2)
    (lists / "testlist02.txt").unlink()
    assert load_training_set(videos, lists, 2) == (train, missing)
    train.videos[0].path.unlink()
    with pytest.raises(BadInput, match="1 of the 6 train videos of split 2 are missing"):
        load_training_set(videos, lists, 2)
    remaining, missing = load_training_set(videos, lists, 2, skip_missing=True)
    assert len(remaining) == 5 and len(missing) == 1


def _film(sequence, window, texture, folder="D"):
    name = f"{folder}/train/run0/{sequence}/{sequence}_c{window:04d}"
    return Film(
        path=Path(f"{name}.mp4"), name=name, sequence=sequence, category=sequence[0],
        texture=texture, stand_in=True,
    )  # fmt: skip


def _paired(counts, sequences=4, windows=5):
    """A folder for each number of textures, with the same windows of the same motions in each."""
    films = []
    for count in counts:
        slots = [(f"s{s}", w) for s in range(sequences) for w in range(windows)]
        films += [
            _film(name, w, f"t{k % count}.png", f"{count}") for k, (name, w) in enumerate(slots)
        ]
    return films


def test_textures_are_many_or_few_at_equal_clips_windows_and_motions():
    films = _paired((1, 4, 10))
    chosen = choose_by_texture(films, (10, 1, 4), seed=0)
    shown = {count: {film.texture for film in selection} for count, selection in chosen.items()}
    assert {count: len(names) for count, names in shown.items()} == {1: 1, 4: 4, 10: 10}
    assert shown[1] < shown[4] < shown[10]
    windows = {count: Counter(f.name[-8:] + f.sequence for f in c) for count, c in chosen.items()}
    assert windows[1] == windows[4] == windows[10] and len(windows[1]) == 20
    uses = Counter(film.texture for film in chosen[4])
    assert max(uses.values()) - min(uses.values()) <= 2
    assert choose_by_texture(films, (1, 4, 10), seed=0) == chosen


@pytest.mark.parametrize("seed", range(5))
def test_films_made_for_each_number_serve_it_up_to_a_texture_for_every_film(seed):
    """Each choice could be what was filmed for its number; nothing poorer may be handed out."""
    films = _paired((1, 4, 19, 20))
    for count, selection in choose_by_texture(films, (1, 4, 19, 20), seed=seed).items():
        assert len({film.texture for film in selection}) == count
        assert len({(film.sequence, film.name[-5:]) for film in selection}) == 20


def test_a_texture_is_shown_by_moving_others_along_where_no_single_exchange_does():
    # t2 is filmed in window 0 alone, t1 in 0 and 1, t0 in all: there is one way to show all three.
    shown = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0))
    films = [_film("s0", window, f"t{texture}", f"D{texture}") for texture, window in shown]
    for seed in range(8):
        selection = choose_by_texture(films, (1, 3), seed=seed)[3]
        assert {film.texture: film.name[-1] for film in selection} == {
            "t0": "2",
            "t1": "1",
            "t2": "0",
        }


def test_one_folder_gives_as_many_clips_as_its_most_filmed_texture():
    films = [_film(f"s{n % 3}", n, f"t{n % 4}") for n in range(24)] + [_film("s0", 99, "t2")]
    chosen = choose_by_texture(films, (1, 3), seed=0)
    assert len(chosen[1]) == len(chosen[3]) == 7 and chosen[1][0].texture == "t2"
    assert Counter(f.sequence for f in chosen[1]) == Counter(f.sequence for f in chosen[3])


@pytest.mark.parametrize(
    ("films", "counts", "message"),
    [
        (_paired((1, 4)), (1, 5), r"--diversity 5: the films show 4 textures"),
        (
            [_film("s0", n, f"t{n}") for n in range(9)],
            (1, 9),
            r"show only 1 of 9; film the same mot",
        ),
        ([_film("s0", 0, "")], (1,), "1 films do not tell their texture"),
    ],
)
def test_too_few_films_for_the_diversity_are_refused(films, counts, message):
    with pytest.raises(BadInput, match=message):
        choose_by_texture(films, counts, seed=0)


def test_film_folders_in_a_folder_are_read_together(tmp_path):
    for name in ("1", "10"):
        (tmp_path / name).mkdir()
        rows = [
            {
                "path": f"train/s{n}/s{n}_c0001",
                "sequence": f"s{n}",
                "category": "ab"[n],
                "split": "train",
            }
            for n in range(2)
        ]
        rows = [{**row, "texture": f"{name}.png"} for row in rows]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / name / "clips.jsonl").write_text(text)
    films = list_films(tmp_path)
    assert [film.name for film in films] == [
        f"{folder}/train/s{n}/s{n}_c0001" for folder in ("1", "10") for n in range(2)
    ]
    assert films[0].path == tmp_path / "1/train/s0/s0_c0001.mp4"
    assert {film.texture for film in films} == {"1.png", "10.png"}
    assert len({video.name for video in read_films(tmp_path).videos}) == 4
    (tmp_path / "STAND_IN").touch()
    assert read_films(tmp_path).stand_in


def test_class_folders_are_a_set(tmp_path):
    for name in ("spin/a.mp4", "spin/deep/b.avi", "fall/v_fall_g03_c01.avi", "fall/.hidden.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "ucfTrainTestlist").mkdir()
    videos = read_class_folders(tmp_path)
    assert videos.classes == ("fall", "spin") and not videos.stand_in
    assert [(v.name, v.label, v.group) for v in videos.videos] == [
        ("fall/v_fall_g03_c01", 0, "fall_g03"),
        ("spin/a", 1, "spin/a"),
        ("spin/deep/b", 1, "spin/deep/b"),
    ]
    (tmp_path / "STAND_IN").touch()
    assert read_class_folders(tmp_path).stand_in
    with pytest.raises(BadInput, match="1 of its folders hold"):
        read_class_folders(tmp_path / "spin")
    with pytest.raises(BadInput, match="no such folder"):
        read_class_folders(tmp_path / "none")
