"""Other people's pretrained networks from their owners' addresses: listed, resumed, verified, whole.

None of them is ours and none is shipped. `NETWORKS` says of each what it is for, where it comes from and
under which licence; sizes and SHA-256 digests are pinned there, so that nothing else ever lies under a
final name. A file is fetched into `.NAME.part` beside its place and only renamed when it agrees.
"""

from __future__ import annotations

import functools
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mocap.errors import BadInput
from mocap.files import atomic_write
from synth.download.download_run import Fetched, sole_writer
from synth.download.tar_members import extract_member
from synth.download.web_files import FileRefused, Site, SiteRefused

_READ = 1 << 20
_UNPACKED = 8  # times its size: what an archive may unpack to; MediaPipe's has 1.3
_COMMAND = "synth fetch-networks"


@dataclass(frozen=True, kw_only=True)
class PinnedFile:
    """A file of known content: its name in the folder or on the site, bytes and SHA-256."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class NetworkFile:
    """One file of a network.

    file: what lies in the folder in the end. address: where it, or the archive that holds it, comes
    from. archive: that archive; None where the address gives the file itself. member: its name in the
    archive.
    """

    file: PinnedFile
    address: str
    archive: PinnedFile | None = None
    member: str = ""

    @property
    def download(self) -> PinnedFile:
        """What the address gives: the archive, or the file itself."""
        return self.archive or self.file


@dataclass(frozen=True, kw_only=True)
class PretrainedNetwork:
    """A network that somebody else has trained.

    name: by which it is asked for. purpose: what it is for. needs: the package that runs it. licence:
    its weights' own, by their owner. files: of it.
    """

    name: str
    purpose: str
    needs: str
    licence: str
    files: tuple[NetworkFile, ...]

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(entry.download.size for entry in self.files)


_OPEN_MODEL_ZOO = (
    "https://storage.openvinotoolkit.org/repositories/open_model_zoo/2023.0/models_bin/1"
)


def _zoo_file(name: str, address: str, size: int, sha256: str) -> NetworkFile:
    """A file of Intel's Open Model Zoo."""
    file = PinnedFile(name=name, size=size, sha256=sha256)
    return NetworkFile(file=file, address=f"{_OPEN_MODEL_ZOO}/{address}")


NETWORKS: tuple[PretrainedNetwork, ...] = (
    PretrainedNetwork(
        name="blazepose-heavy",
        purpose="body fit of photographs: MediaPipe's BlazePose, its largest form",
        needs="ai-edge-litert",
        licence="Apache-2.0",
        files=(
            NetworkFile(
                file=PinnedFile(
                    name="pose_landmark_heavy.tflite",
                    size=27_709_200,
                    sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
                ),
                address="https://registry.npmjs.org/@mediapipe/pose/-/pose-0.5.1675469404.tgz",
                archive=PinnedFile(
                    name="mediapipe-pose-0.5.1675469404.tgz",
                    size=40_985_403,
                    sha256="8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
                ),
                member="package/pose_landmark_heavy.tflite",
            ),
        ),
    ),
    PretrainedNetwork(
        name="reid-0277",
        purpose="judge of textures: Open Model Zoo's person-reidentification-retail-0277, FP16",
        needs="openvino",
        licence="Apache-2.0",
        files=(
            _zoo_file(
                "0277.xml",
                "person-reidentification-retail-0277/FP16/person-reidentification-retail-0277.xml",
                616_140,
                "82039b1bb986231c50345550e59def94e63579998e9cddbd1a312f293eb87729",
            ),
            _zoo_file(
                "0277.bin",
                "person-reidentification-retail-0277/FP16/person-reidentification-retail-0277.bin",
                4_178_806,
                "6bb69e09d07733cc3896b29081d2627f92db7b9aacd50f1a8c3df491cb10f1b7",
            ),
        ),
    ),
    PretrainedNetwork(
        name="reid-0267",
        purpose="judge of textures: Open Model Zoo's person-reidentification-retail-0267",
        needs="torch, after conversion",
        licence="Apache-2.0",
        files=(
            _zoo_file(
                "0267.onnx",
                "person-reidentification-retail-0287/person-reidentification-retail-0267.onnx",
                3_571_437,
                "ca531dc7b2f0efabc6d26b128dbf6a5e9c7b634339acdb36d11476f999f2c186",
            ),
        ),
    ),
    PretrainedNetwork(
        name="attributes-0230",
        purpose="judge of textures: Open Model Zoo's person-attributes-recognition-crossroad-0230, FP16",
        needs="openvino",
        licence="Apache-2.0",
        files=(
            _zoo_file(
                "attr0230.xml",
                "person-attributes-recognition-crossroad-0230/FP16/"
                "person-attributes-recognition-crossroad-0230.xml",
                261_058,
                "e77cf6191fa27d09310cf388a966ceefc2edde1235daf3eb9714ee865435d289",
            ),
            _zoo_file(
                "attr0230.bin",
                "person-attributes-recognition-crossroad-0230/FP16/"
                "person-attributes-recognition-crossroad-0230.bin",
                1_469_624,
                "ff3b5f76cecac2f3338f6a1b43f2e2f4e73073ac8f884457fe4bff8bd387905f",
            ),
        ),
    ),
)
"""What `synth fetch-networks` can get; the first is what it gets when nothing is named."""


def choose_networks(names: Sequence[str]) -> tuple[PretrainedNetwork, ...]:
    """The networks of these names, the first of all without any, every one for `all`.

    Raises:
        BadInput: for a name that no network has.
    """
    if not names:
        return NETWORKS[:1]
    if "all" in names:
        return NETWORKS
    by_name = {network.name: network for network in NETWORKS}
    for name in names:
        if name not in by_name:
            raise BadInput(f"{name}: no such network; expected {', '.join(by_name)}, or all")
    return tuple(by_name[name] for name in dict.fromkeys(names))


def describe_networks(networks: Iterable[PretrainedNetwork]) -> str:
    """What each network is for, its licence, and of each file address, size and digest, in lines."""
    lines = []
    for network in networks:
        lines.append(f"{network.name}: {network.purpose}")
        lines.append(f"    licence {network.licence}; runs with {network.needs}")
        for entry in network.files:
            lines.append(f"    {entry.address}")
            if entry.archive is not None:
                lines.append(f"        {_pin(entry.archive)}, of which")
            lines.append(f"        {entry.file.name}: {_pin(entry.file)}")
    return "\n".join(lines)


def _pin(file: PinnedFile) -> str:
    return f"{file.size:,} bytes, sha256 {file.sha256}"


def fetch_networks(
    out: Path | str,
    networks: Sequence[PretrainedNetwork],
    *,
    pause: float = 0.5,
    timeout: float = 30.0,
    sleep: Callable[[float], None] = time.sleep,
    progress: Callable[[str, int], None] = lambda file, size: None,
) -> Fetched:
    """Bring networks into a folder, fetching what is not there.

    One request at a time. A file that agrees with its digest is left, any other of its name is replaced
    once the right one is whole. After KeyboardInterrupt the same call goes on from there.

    Args:
        out: the folder; its files have the names of `NETWORKS`.
        networks: to fetch.
        pause: seconds between requests to one site.
        timeout: seconds without a byte after which a request is broken off.
        sleep: waits so many seconds.
        progress: called with the name of what is downloaded and how many bytes of it there are.

    Returns:
        What was done. A site that stays busy or out of reach is asked for nothing more.

    Raises:
        BadInput: for a folder that cannot be written, or that another run writes.
    """
    out = Path(out)
    fetched = Fetched()
    sites: dict[str, Site] = {}
    refusals: dict[str, str] = {}  # by site: why it was left alone
    with sole_writer(out, _COMMAND):
        for entry in (entry for network in networks for entry in network.files):
            if _agrees(out / entry.file.name, entry.file):
                fetched.existing += 1
                continue
            parts = urlsplit(entry.address)
            host = f"{parts.scheme}://{parts.netloc}"
            site = sites.setdefault(host, Site(host, pause, timeout, 0, sleep, pinned=True))
            site.progress = functools.partial(progress, entry.download.name)
            try:
                if host in refusals:
                    raise SiteRefused(refusals[host])
                _fetch_file(site, entry, out)
                fetched.downloaded += 1
            except FileRefused as error:
                fetched.failed.append((entry.file.name, str(error)))
            except SiteRefused as error:
                refusals[host] = str(error)
                fetched.failed.append((entry.file.name, f"{host}: {error}"))
            fetched.received = sum(site.received for site in sites.values())
    if refusals:
        fetched.stopped = f"left alone: {', '.join(refusals)}; run the same command again later"
    return fetched


def _fetch_file(site: Site, entry: NetworkFile, out: Path) -> None:
    """Download what the address gives, and put the file into the folder."""
    pin = entry.download
    partial = out / f".{pin.name}.part"
    resumed = partial.exists()
    site.largest = pin.size
    address = entry.address.removeprefix(site.url + "/")
    while not _agrees(partial, pin):  # a run may have ended just before the file got its name
        site.download(address, partial)
        if _agrees(partial, pin):
            break
        actual = f"{partial.stat().st_size:,} bytes, sha256 {_digest(partial)}"
        partial.unlink()
        if not resumed:
            raise FileRefused(
                f"{entry.address} gave {actual}, expected {_pin(pin)}; it is not the file that was "
                "tried, and was thrown away: get that one elsewhere and put it into the folder"
            )
        resumed = False  # what was there may have been of another version: from the beginning
    if entry.archive is None:
        os.utime(partial)  # the partial carried the server's date
        os.replace(partial, out / entry.file.name)
        return
    try:
        with atomic_write(out / entry.file.name) as temporary:
            limit = _UNPACKED * pin.size
            extract_member(partial, entry.member, temporary, size=entry.file.size, limit=limit)
            if not _agrees(temporary, entry.file):
                raise BadInput(f"{entry.member} has sha256 {_digest(temporary)}")
    except BadInput as error:
        raise FileRefused(f"{entry.address}: {error}") from error
    partial.unlink()


def _agrees(path: Path, pin: PinnedFile) -> bool:
    """Whether a file is there and is the pinned one."""
    return path.is_file() and path.stat().st_size == pin.size and _digest(path) == pin.sha256


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while data := file.read(_READ):
            digest.update(data)
    return digest.hexdigest()
