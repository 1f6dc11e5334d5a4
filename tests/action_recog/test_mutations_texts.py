"""Everything in text that recognition reads, with something wrong: used, or refused with its name.

Nothing but BadInput may be raised; state of an earlier run is made again instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from action_recog.datasets.films import read_films
from action_recog.datasets.ucf101 import read_split
from action_recog.errors import BadInput
from action_recog.experiment.predictions import _stored_predictions
from action_recog.training.checkpoints import load_checkpoint, save_checkpoint
from action_recog.training.run_folder import restore_progress, truncate_metrics
from action_recog.videos.content import ContentDigests
from tests.action_recog.toy_videos import write_toy_films, write_toy_ucf
from tests.action_recog.video_mutations import mutated
from tests.mocap.parsing.json_mutations import mutated_lines

EXAMPLES = 60
CONFIG = {"content": "0" * 64, "epochs": 3, "classes": ["a", "b"], "seed": 0}
METRICS = {"epoch": 1, "step": 6, "clips": 9, "accuracy": 0.5, "training_accuracy": 0.5}
KEY = {"network": "0" * 64, "views": {"frames": 8}, "videos": ["v", "w"], "content": "1" * 64}


class Readers:
    """A sound file of each kind, and what reads it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = torch.nn.Linear(2, 3)
        self.optimiser = torch.optim.AdamW(self.network.parameters())
        write_toy_films(folder / "films", count=4)
        tensors = {f"network.{k}": v for k, v in self.network.state_dict().items()}
        facts = {
            "config": CONFIG,
            "epochs_done": 2,
            "metrics": {"epoch": 1, "step": 6, "loss": 0.5},
        }
        save_checkpoint(folder / "checkpoint.safetensors", tensors, facts)
        np.save(folder / "predictions.npy", np.full((2, 2), 0.5, np.float32))
        digests = ContentDigests()
        digest = digests.of_file(folder / "predictions.npy")
        (folder / "predictions.json").write_text(json.dumps({**KEY, "sha256": digest}))
        (folder / "digests.json").write_text(digests.text().replace("\n", ""))
        row = {"epoch": 0, "loss": 0.5, "accuracy": 0.1, "lr": 0.01, "clips_per_second": 3.5}
        (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
        self.kinds: dict[str, tuple[Path, Callable[[], object]]] = {
            "films": (folder / "films/clips.jsonl", self._films),
            "card": (folder / "checkpoint.json", self._card),
            "predictions": (folder / "predictions.json", self._predictions),
            "digests": (folder / "digests.json", self._digests),
            "metrics": (folder / "metrics.jsonl", self._metrics),
        }
        self.sound: dict[str, list[str]] = {}
        for name, (path, _) in self.kinds.items():
            text = path.read_text()
            lines = [json.dumps(json.loads(text))] if path.suffix == ".json" else text.splitlines()
            self.sound[name] = lines

    def _films(self) -> None:
        try:
            films = read_films(self.folder / "films")
        except BadInput as error:
            assert "clips.jsonl" in str(error)
            raise
        for film in films.videos:
            assert film.path.resolve().is_relative_to(self.folder / "films")

    def _card(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("action_recog.training.run_folder.announce", lambda line: None)
            path = self.folder / "checkpoint.safetensors"
            progress = restore_progress(path, self.network, self.optimiser, CONFIG, title="toy")
        assert 0 <= progress.epochs_done <= 3
        assert all(np.isfinite(list(progress.metrics.values())))
        load_checkpoint(self.folder / "checkpoint.safetensors")

    def _predictions(self) -> None:
        assert _stored_predictions(self.folder / "predictions.json", KEY, 2).shape == (2, 2)

    def _digests(self) -> None:
        path = self.folder / "predictions.npy"
        ContentDigests(self.folder / "digests.json").of_file(path)

    def _metrics(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("action_recog.training.run_folder.announce", lambda line: None)
            rows = truncate_metrics(self.folder / "metrics.jsonl", 3, title="toy")
        assert all(np.isfinite(float(value)) for row in rows for value in row.values())

    def read(self, kind: str, line: bytes) -> str:
        """The outcome of reading a file whose first line is `line`."""
        path, reader = self.kinds[kind]
        others = "".join(f"{text}\n" for text in self.sound[kind][1:])
        path.write_bytes(line + b"\n" + others.encode())
        try:
            reader()
        except BadInput as error:
            assert "\n" not in str(error) and len(str(error)) < 3000
            return "refused"
        return "read"


@pytest.fixture(scope="module")
def readers(tmp_path_factory) -> Readers:
    return Readers(tmp_path_factory.mktemp("texts").resolve())


@pytest.mark.parametrize("kind", ["films", "card", "predictions", "digests", "metrics"])
def test_sound_files_are_read(readers, kind):
    assert readers.read(kind, readers.sound[kind][0].encode()) == "read"


@pytest.mark.parametrize("kind", ["films", "card", "predictions", "digests", "metrics"])
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_files_with_something_wrong_are_read_or_refused(readers, kind, data):
    readers.read(kind, data.draw(mutated_lines(readers.sound[kind][0])))


def read_damaged_lists(lists: Path, sound: dict[str, bytes], count: int, seed: int) -> set[str]:
    """Outcomes of the reading of damaged split lists."""
    outcomes = set()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        name, other = (sorted(sound)[rng.integers(len(sound))] for _ in range(2))
        for each, content in sound.items():
            (lists / each).write_bytes(content)
        (lists / name).write_bytes(mutated(sound[name], rng, sound[other])[1])
        try:
            train, test = read_split(lists, 1)
            assert train and test
            outcomes.add("read")
        except BadInput as error:
            assert "\n" not in str(error) and len(str(error)) < 1000
            outcomes.add("refused")
    return outcomes


def test_damaged_lists_are_read_or_refused(tmp_path):
    _, lists = write_toy_ucf(tmp_path / "ucf", clips=1)
    names = ("classInd.txt", "trainlist01.txt", "testlist01.txt")
    sound = {name: (lists / name).read_bytes() for name in names}
    assert read_damaged_lists(lists, sound, 300, seed=4) == {"read", "refused"}
