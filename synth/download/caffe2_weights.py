"""Caffe2's pickles of network weights, as safetensors that `action_recog` can read.

The authors of the non-local network, and PySlowFast after them, published their weights as pickles of
a dictionary `blobs` of arrays by name, some with the momenta of the training beside them. They are read
by the interpreter that runs nothing of a pickle.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.safe_unpickler import dense_array, unpickle_safely

_NO_WEIGHTS = re.compile(r".*_momentum|lr|model_iter")


def caffe2_blobs(path: Path) -> dict[str, np.ndarray]:
    """Read the weights of a Caffe2 pickle.

    Args:
        path: The pickle: a dictionary of arrays by name, or one with such under `blobs`.

    Returns:
        The arrays by their names in the pickle, float32; momenta, the learning rate and the number of
        iterations are left out.

    Raises:
        BadInput: For a file that is missing, damaged or holds something else, and for numbers that are
            not finite.
    """
    advice = "expected a Caffe2 pickle of arrays by name; download it again"
    try:
        content = unpickle_safely(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; expected a Caffe2 pickle of weights") from None
    except OSError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadInput(f"{path}: cannot be read as a pickle ({reason}); {advice}") from None
    if isinstance(content, dict) and isinstance(content.get("blobs"), dict):
        content = content["blobs"]
    if not isinstance(content, dict) or not all(isinstance(name, str) for name in content):
        raise BadInput(f"{path}: holds a {type(content).__name__}; {advice}")
    arrays: dict[str, np.ndarray] = {}
    for name, value in content.items():
        if _NO_WEIGHTS.fullmatch(name):
            continue
        try:
            array = dense_array(value, name)
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BadInput(f"{path}: {name!r} is no array ({reason}); {advice}") from None
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise BadInput(
                f"{path}: {name!r} holds {array.dtype} that are not all finite; {advice}"
            )
        arrays[name] = np.ascontiguousarray(array, dtype=np.float32)
    if not arrays:
        raise BadInput(f"{path}: holds no array; {advice}")
    return arrays


def convert_caffe2_weights(path: Path, out: Path) -> int:
    """Write the weights of a Caffe2 pickle as safetensors, under their names in the pickle.

    Args:
        path: The pickle, as `caffe2_blobs` reads it.
        out: The file to write, whole or not at all; it ends in .safetensors.

    Returns:
        The number of arrays.

    Raises:
        BadInput: For a pickle that cannot be used, and a name of another kind.
    """
    if out.suffix != ".safetensors":
        raise BadInput(f"{out}: expected a name that ends in .safetensors")
    arrays = caffe2_blobs(path)
    with atomic_write(out) as temporary:
        save_file(arrays, str(temporary))
    return len(arrays)
