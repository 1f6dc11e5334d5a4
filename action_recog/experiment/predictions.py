"""The predictions of a run, kept in its folder, and what they are of."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from action_recog.errors import BadInput
from action_recog.experiment.evaluation import require_finite_predictions
from action_recog.json_files import read_json
from action_recog.training.checkpoints import write_text_whole
from action_recog.training.messages import announce

_FACTS, _ARRAY = "predictions.json", "predictions.npy"


def reusable_predictions(
    folder: Path, key: dict[str, Any], classes: int, *, title: str
) -> np.ndarray | None:
    """Read the predictions in a run's folder back, if they are of the same network and videos.

    A line on stderr says what is re-used, or why predictions that are there are not.

    Args:
        folder: The run's folder.
        key: What the predictions must be of; a mapping with `videos`, a list of names.
        classes: Number of classes.
        title: The run, for the line.

    Returns:
        Probabilities (videos, classes), finite; None where there are none to re-use.
    """
    facts, file = folder / _FACTS, folder / _ARRAY
    if not facts.is_file() and not file.is_file():
        return None
    try:
        probabilities = _stored_predictions(facts, key, classes)
    except BadInput as error:
        announce(f"{title}: predicts again, because {error}")
        return None
    announce(f"{title}: re-uses {file}, of the same network and test videos")
    return probabilities


def write_predictions(folder: Path, key: dict[str, Any], probabilities: np.ndarray) -> None:
    """Keep predictions in a run's folder; of several processes one does.

    Args:
        folder: The run's folder.
        key: What they are of, JSON values.
        probabilities: Probabilities (videos, classes).
    """
    array = io.BytesIO()
    np.save(array, probabilities, allow_pickle=False)
    facts, file = folder / _FACTS, folder / _ARRAY
    temporary = file.with_name(f".{file.name}.partial")
    temporary.write_bytes(array.getvalue())
    facts.unlink(missing_ok=True)
    os.replace(temporary, file)
    digest = hashlib.sha256(array.getvalue()).hexdigest()
    write_text_whole(facts, json.dumps({**key, "sha256": digest}, indent=1) + "\n")


def _stored_predictions(facts_path: Path, key: dict[str, Any], classes: int) -> np.ndarray:
    """Read predictions back.

    Args:
        facts_path: predictions.json; predictions.npy lies beside it.
        key: What the predictions must be of; a mapping with `videos`, a list of names.
        classes: Number of classes.

    Returns:
        Probabilities (videos, classes), finite.

    Raises:
        BadInput: For predictions that are torn or of something else, saying of what.
    """
    file = facts_path.with_suffix(".npy")
    try:
        facts = read_json(facts_path, dict[str, Any], advice="it is written again")
        content = file.read_bytes()
    except (OSError, BadInput) as error:
        raise BadInput(f"{facts_path} and {file.name} cannot be read ({error})") from None
    changed = [name for name in key if facts.get(name) != key[name]]
    if changed:
        raise BadInput(f"{file} is of other: {', '.join(changed)}")
    if facts.get("sha256") != hashlib.sha256(content).hexdigest():
        raise BadInput(f"{file} does not belong to {facts_path.name}")
    try:
        probabilities = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise BadInput(f"{file} is no array ({error})") from None
    shape = (len(key["videos"]), classes)
    if probabilities.shape != shape:
        raise BadInput(f"{file} has the shape {probabilities.shape}, expected {shape}")
    require_finite_predictions(probabilities)
    return probabilities
