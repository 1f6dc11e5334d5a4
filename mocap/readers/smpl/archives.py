"""One door to SMPL poses in NumPy files, whichever kind of file it is."""

from __future__ import annotations

from pathlib import Path

from mocap.errors import BadInput
from mocap.parsing.array_files import ArrayFile
from mocap.readers.smpl import amass, surreal
from mocap.readers.smpl import arrays as smpl_arrays
from mocap.readers.smpl.recording import Recording, StoredMotion

SUFFIXES = (".npz", ".npy")


def stored_motions(path: Path | str) -> tuple[StoredMotion, ...]:
    """The motions of a .npz or .npy file from its headers alone: many for SURREAL's archive, else one.

    A file that holds a body's shape and no poses, as AMASS puts beside its motions, has none. Raises
    BadInput for anything else that is no motion.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "surreal":
        return surreal.list_surreal(path)
    if kind == "shape":
        return ()
    return (amass.list_amass(path) if kind == "amass" else smpl_arrays.list_smpl_arrays(path),)


def read_recording(
    path: Path | str, *, name: str | None = None, fps: float | None = None
) -> Recording:
    """A motion of a .npz or .npy file as recorded.

    ``name`` chooses a sequence of SURREAL's archive; ``fps`` is used where the file has no frame rate.
    Raises BadInput.
    """
    path = Path(path)
    kind = _kind(path)
    if kind == "surreal":
        if name is None:
            raise BadInput(
                f"{path}: an archive of many motions, expected the name of one; give a sequence such "
                "as 01_01"
            )
        return surreal.read_surreal(path, name)
    if kind == "shape":
        raise BadInput(f"{path}: a body's shape without poses, expected a motion; use another file")
    return amass.read_amass(path) if kind == "amass" else smpl_arrays.read_smpl_poses(path, fps=fps)


def _kind(path: Path) -> str:
    with ArrayFile(path) as arrays:
        if any(name in arrays for name in amass.RATES) and "poses" in arrays:
            return "amass"
        if any(name in arrays for name in smpl_arrays.POSES):
            return "smpl"
        if surreal.sequences(arrays):
            return "surreal"
        if "betas" in arrays and "gender" in arrays:
            return "shape"
        return "smpl"  # whose reader says what is missing
