"""CMU's motions from CMU's own site: resumed, checked, and written whole.

`subjects/NN/NN.asf` is a subject's skeleton and `subjects/NN/NN_TT.amc` are their motions; which
trials there are comes from the facts about CMU's database that `mocap` ships. A file is fetched into
`.NAME.part` beside its place, read by `mocap.readers.acclaim.asf_amc`, and only then renamed.
"""

from __future__ import annotations

import csv
import os
import re
import time
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path

from mocap.errors import BadInput
from mocap.readers.acclaim.asf_amc import count_frames, read_amc, read_asf
from mocap.retargeting.skeleton import Skeleton
from synth.download.download_run import Fetched, sole_writer
from synth.download.web_files import FileRefused, Site, SiteRefused

ADDRESS = "http://mocap.cs.cmu.edu/subjects"
LARGEST = 256 << 20  # bytes of one file; CMU's largest are a tenth of it
IN_A_ROW = 3  # failed files before the site is left alone


def trials_of_subjects() -> dict[str, list[str]]:
    """Names of CMU's motions by subject: {"02": ["02_01", ...], ...}."""
    out: dict[str, list[str]] = {}
    with resources.files("mocap").joinpath("cmu_index.csv").open(encoding="ascii") as file:
        for row in csv.DictReader(file):
            out.setdefault(row["motion"].rpartition("_")[0], []).append(row["motion"])
    return out


def parse_subjects(text: str | None, subjects: Iterable[str]) -> list[str]:
    """Subjects of "2,5,35-49", of all the `subjects`, in CMU's order; None means all.

    Numbers missing within a range are passed over. Raises BadInput for an item that is no number or
    range, or that names no subject.
    """
    by_number = {int(subject): subject for subject in subjects}
    if text is None:
        return [by_number[number] for number in sorted(by_number)]
    chosen: set[int] = set()
    for item in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})\s*(?:-\s*(\d{1,4})\s*)?", item)
        if not match:
            raise BadInput(f"--subjects: found '{item}', expected numbers such as 2,5,35-49")
        first, last = int(match[1]), int(match[2] or match[1])
        named = {number for number in by_number if first <= number <= last}
        if not named:
            raise BadInput(
                f"--subjects: CMU has no subject {item.strip()}, its {len(by_number)} subjects are "
                f"numbered {min(by_number)} to {max(by_number)} with gaps; give others"
            )
        chosen |= named
    return [by_number[number] for number in sorted(chosen)]


def files_of(subjects: str | None) -> int:
    """How many files `subjects` have, skeletons included."""
    trials = trials_of_subjects()
    return sum(1 + len(trials[subject]) for subject in parse_subjects(subjects, trials))


def fetch_cmu(
    out: Path | str,
    *,
    subjects: str | None = None,
    url: str = ADDRESS,
    pause: float = 0.5,
    timeout: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[str, Fetched], None] = lambda file, so_far: None,
) -> Fetched:
    """Bring the skeletons and motions of CMU's subjects into a folder, fetching what is not there.

    One request at a time. A file that exists is left when `mocap.readers.acclaim.asf_amc` can read it; a
    subject without a skeleton is passed over. After KeyboardInterrupt the same call goes on from there.

    Args:
        out: the folder; a subject's files go into `out`/NN/.
        subjects: as "2,5,35-49" (see `parse_subjects`); None: all.
        url: goes before every file's address.
        pause: seconds between requests.
        timeout: seconds without a byte after which a request is broken off.
        sleep: waits so many seconds.
        progress: called after each file, with its name and what was done so far.

    Returns:
        What was done. `stopped` where the site stays busy or out of reach, or fails IN_A_ROW files in a
        row.

    Raises:
        BadInput: subjects that CMU has not, a URL that is not HTTP, or a folder that cannot be written
            or that another run writes.
    """
    trials = trials_of_subjects()
    chosen = parse_subjects(subjects, trials)
    if not re.match(r"https?://[^/\s]+(/\S*)?$", url):
        raise BadInput(f"--url: found '{url}', expected an address that begins with http://")
    site = Site(url.rstrip("/"), pause, timeout, LARGEST, sleep)
    fetched = Fetched()
    out = Path(out)
    in_a_row = 0
    with sole_writer(out, "synth fetch-cmu"):
        for subject in chosen:
            skeleton: Skeleton | None = None
            for name in (f"{subject}.asf", *(f"{trial}.amc" for trial in trials[subject])):
                try:
                    skeleton, exists = _fetch_file(site, out / subject / name, skeleton)
                    fetched.existing += exists
                    fetched.downloaded += not exists
                    in_a_row = 0
                except FileRefused as error:
                    fetched.failed.append((name, str(error)))
                    in_a_row += 1
                    if in_a_row == IN_A_ROW:
                        fetched.stopped = f"{in_a_row} files failed in a row; check --url, or try "
                        fetched.stopped += "the same command later"
                except SiteRefused as error:
                    fetched.failed.append((name, str(error)))
                    fetched.stopped = f"{error}; run the same command again later"
                fetched.received = site.received
                progress(name, fetched)
                if fetched.stopped:
                    return fetched
                if skeleton is None:
                    break  # motions are of no use without it
    return fetched


def _fetch_file(site: Site, path: Path, skeleton: Skeleton | None) -> tuple[Skeleton, bool]:
    """Keep or fetch one file. Returns the subject's skeleton and whether the file was there."""
    if path.is_file():
        try:
            return _verified(path, skeleton, thorough=False), True
        except BadInput:
            pass  # damaged: fetched again
    address = f"{path.parent.name}/{path.name}"
    partial = path.with_name(f".{path.name}.part")
    path.parent.mkdir(exist_ok=True)
    resumed = partial.exists()
    while True:
        whole = site.download(address, partial)
        try:
            skeleton = _verified(partial, skeleton, thorough=True, whole=whole)
            break
        except BadInput as error:
            partial.unlink()
            if not resumed:
                raise FileRefused(
                    str(error).replace(str(partial), site.url + "/" + address)
                ) from error
            resumed = False  # what was there may have been of another version: from the beginning
    os.replace(partial, path)
    return skeleton, False


def _verified(
    path: Path, skeleton: Skeleton | None, *, thorough: bool, whole: bool = True
) -> Skeleton:
    """Raise BadInput unless `path` holds a skeleton (where none is given) or a motion of it.

    `thorough` reads every frame of a motion, otherwise the first and the last are looked at.
    Unless `whole` is known, a last line without an end is taken for a loss.
    """
    with path.open("rb") as file:
        head = file.read(4096)
        file.seek(max(0, path.stat().st_size - 1))
        ended = file.read() in (b"\n", b"\r")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        title = re.search(rb"<title[^>]*>([^<]*)", head, re.IGNORECASE)
        words = title[1].decode("latin-1").split() if title else ["untitled"]
        raise BadInput(f"{path}: a web page ('{' '.join(words)[:60]}'), expected a motion's file")
    if not whole and not ended:
        raise BadInput(f"{path}: breaks off within its last line, expected a whole file")
    if skeleton is None:
        return read_asf(path)
    if thorough:
        read_amc(path, skeleton)
    else:
        count_frames(path, skeleton)
    return skeleton
