"""The plan of a film set: one row a clip, from which the clip follows to the last byte.

Planning is pure: motions, textures, backgrounds, a seed and a film format in, rows out. What a clip
gets is drawn from a generator of its own, seeded by the set's seed and the clip's name (SURREAL's
good idea), so it depends neither on the order of the rows nor on how many there are: the first rows
of a longer plan are the shorter plan. Everything drawn is constant within a clip, as in SURREAL.

Splits are disjoint in identity (the texture library says which identity is in which split), in
backgrounds, in shapes (drawn anew for each clip) and in people where the motions have enough
subjects, else in motions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mocap.body import Body
from mocap.errors import BadInput
from mocap.footing import chain_joints, global_rotations, settle
from mocap.library import MotionEntry
from mocap.motion import Motion
from synth.camera import POLICY, FilmFormat, place_camera
from synth.light import sample_light
from textures.camera import Camera
from textures.library import SPLITS, TextureEntry

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}
ENOUGH_SUBJECTS = 10
RUNS = {0.5: "run0", 0.3: "run1", 0.7: "run2"}  # SURREAL's folders, by overlap
SHAPE_LIMIT = 2.0  # betas are N(0, 1) cut at this, which keeps out SURREAL's "monster" bodies


@dataclass(frozen=True)
class Windows:
    """How motions are cut into clips: ``frames`` long, each overlapping the one before by
    ``overlap`` (SURREAL's three runs: 0.5, 0.3, 0.7). A rest shorter than ``shortest`` frames makes
    no clip.
    """

    frames: int = 100
    fps: float = 30.0
    overlap: float = 0.5
    shortest: int = 16

    def starts(self, length: int) -> list[int]:
        """First frames of the clips of a motion of ``length`` frames; SURREAL's count."""
        step = max(1, round(self.frames * (1 - self.overlap)))
        starts = list(range(0, max(1, length - (self.frames - step)), step))
        shortest = min(self.shortest, self.frames)
        return [s for s in starts if min(self.frames, length - s) >= shortest]


@dataclass(frozen=True)
class PlanRow:
    """One clip. Paths are relative: ``source`` to the motion folder, ``texture`` to the texture
    folder, ``background["photograph"]`` to the background folder (or ``background["painted"]`` is a
    seed).

    ``collection`` is where the motion comes from ("cmu" or "stand-in"), ``overlap`` what
    neighbouring windows share. ``start`` and ``frames`` count at ``fps``. ``intrinsics``,
    ``rotation``, ``translation`` are the camera's K, R, t; ``yaw`` and the two distances say how it
    was placed (see ``synth.camera``).
    """

    stem: str
    sequence: str
    clip: int
    split: str
    category: str
    subject: str
    collection: str
    source: str
    start: int
    frames: int
    fps: float
    overlap: float
    betas: tuple[float, ...]
    texture: str
    identity: str
    uv_layout: str
    background: Mapping[str, Any]
    width: int
    height: int
    intrinsics: tuple[tuple[float, ...], ...]
    rotation: tuple[tuple[float, ...], ...]
    translation: tuple[float, ...]
    camera_policy: str
    yaw: float
    distance_drawn: float
    distance: float
    light: tuple[float, ...]
    seed: int
    stand_in: bool
    samples: int
    channels: tuple[str, ...]

    @property
    def camera(self) -> Camera:
        return Camera(
            np.array(self.intrinsics),
            np.array(self.rotation),
            np.array(self.translation),
            self.width,
            self.height,
        )

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> PlanRow:
        """The row of a line of plan.jsonl. Raises ValueError when it is not one."""
        fields = json.loads(line)
        if not isinstance(fields, dict):
            raise ValueError("not a JSON object")
        try:
            return cls(**{name: _tupled(value) for name, value in fields.items()})
        except TypeError as error:
            raise ValueError(str(error)) from None


def _tupled(value: Any) -> Any:
    return tuple(_tupled(v) for v in value) if isinstance(value, list) else value


def clip_seed(seed: int, stem: str) -> int:
    """The seed of a clip: 63 bits of a hash of the set's seed and the clip's name."""
    digest = hashlib.sha256(f"synth film {seed} {stem}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def split_among(names: Iterable[str], splits: Sequence[str], seed: int) -> dict[str, str]:
    """A split for each name, in the shares of ``SHARES``, each of ``splits`` getting at least one.

    The order is that of a hash. Fewer names than splits fill the first splits only.
    """
    ordered = sorted(
        set(names), key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest()
    )
    splits = [split for split in SPLITS if split in splits][: len(ordered)]
    total = sum(SHARES[split] for split in splits)
    counts = {s: max(1, round(SHARES[s] / total * len(ordered))) for s in splits[1:]}
    out, rest = {}, list(ordered)
    for split, count in counts.items():
        for name in rest[:count]:
            out[name] = split
        rest = rest[count:]
    return out | dict.fromkeys(rest, splits[0] if splits else "train")


def split_motions(
    entries: Sequence[MotionEntry], splits: Sequence[str], seed: int
) -> dict[str, str]:
    """A split for each motion name: by subject from ``ENOUGH_SUBJECTS`` on, else by motion.

    By motion, no category loses its last motion to val or test: what is trained on has them all.
    """
    subjects = {entry.subject for entry in entries}
    if len(subjects) >= ENOUGH_SUBJECTS:
        of = split_among(subjects, splits, seed)
        return {entry.name: of[entry.subject] for entry in entries}
    of = split_among([entry.name for entry in entries], splits, seed)
    for category in {entry.category for entry in entries}:
        names = sorted(entry.name for entry in entries if entry.category == category)
        if all(of[name] != splits[0] for name in names):
            of[names[0]] = splits[0]
    return of


def clip_order(
    entries: Sequence[MotionEntry], windows: Windows, seed: int, *, laps: int | None = None
) -> Iterator[tuple[MotionEntry, int, int, int]]:
    """Clips in the order of the plan: (motion, clip number from 1, first frame, frames).

    Categories take turns, within a category its motions take turns, and each motion's windows come in
    order from one that the seed picks, so that few clips show not only how motions begin; when a
    category's windows are used the next lap gives them other clothes. So any number of
    first clips is spread over the categories and motions as evenly as it can be. ``laps`` None: no end.
    """
    groups: dict[str, list[list[tuple[MotionEntry, int, int, int]]]] = {}
    for entry in sorted(
        entries, key=lambda e: hashlib.sha256(f"{seed} {e.name}".encode()).digest()
    ):
        length = frames_at(entry, windows.fps)
        clips = [
            (entry, number, start, min(windows.frames, length - start))
            for number, start in enumerate(windows.starts(length), 1)
        ]
        if clips:
            first = hashlib.sha256(f"{seed} {entry.name} first".encode()).digest()[0] % len(clips)
            groups.setdefault(entry.category, []).append(clips[first:] + clips[:first])
    turns = [_turns(groups[category], laps) for category in sorted(groups)]
    while turns:
        for turn in list(turns):
            clip = next(turn, None)
            if clip is None:
                turns.remove(turn)
            else:
                yield clip


def _turns(
    motions: list[list[tuple[MotionEntry, int, int, int]]], laps: int | None
) -> Iterator[tuple[MotionEntry, int, int, int]]:
    """Clips of one category: first windows of all motions, then second ones, and round again."""
    once = [clips[k] for k in range(max(map(len, motions))) for clips in motions if k < len(clips)]
    count = {clips[0][0].name: len(clips) for clips in motions}
    for lap in itertools.count() if laps is None else range(laps):
        for entry, number, start, frames in once:
            yield entry, number + lap * count[entry.name], start, frames


def frames_at(entry: MotionEntry, fps: float) -> int:
    """Frames of a motion once resampled to ``fps`` (see ``mocap.motion.resample``)."""
    return int(np.floor((entry.frames - 1) * fps / entry.fps + 1e-6)) + 1


def clip_motion(
    motion: Motion, body: Body, betas: np.ndarray, *, start: int, frames: int
) -> tuple[np.ndarray, np.ndarray, tuple[bool, bool]]:
    """Pose (frames+2, 72) and translation (frames+2, 3) of a clip with one more frame at either
    end.

    Where the motion has no such frame the end frame is repeated (its flow there is 0); the pair
    says which of the two are real. The path is settled on the ground for the shape ``betas`` (10,).
    """
    translation = settle(motion.pose, motion.translation, body, betas)
    wanted = np.arange(start - 1, start + frames + 1)
    index = np.clip(wanted, 0, len(motion) - 1)
    return motion.pose[index], translation[index], (wanted[0] >= 0, wanted[-1] < len(motion))


def pose_joints(
    body: Body, *, pose: np.ndarray, betas: np.ndarray, translation: np.ndarray
) -> np.ndarray:
    """Joints (T,24,3) of a motion without its vertices; as ``mocap.skinning.skin``."""
    rest = body.joint_regressor @ (body.template + body.shape_directions @ betas)
    positions = chain_joints(global_rotations(pose), rest)
    return positions + (np.asarray(translation) + rest[0])[:, None]


def make_plan(
    *,
    entries: Sequence[MotionEntry],
    motion_folder: Path,
    load: Callable[[MotionEntry], Motion],
    body: Body,
    textures: Sequence[TextureEntry],
    photographs: Sequence[str] = (),
    clips: int | None,
    windows: Windows | None = None,
    film: FilmFormat | None = None,
    samples: int,
    channels: Sequence[str],
    seed: int,
    stand_in: bool = False,
    report: Callable[[str], None] = lambda line: None,
) -> list[PlanRow]:
    """Rows of ``clips`` clips, or of one clip a window for None.

    ``load`` reads a motion at ``windows.fps``; a motion that raises BadInput is reported once and
    left out. ``photographs`` are paths relative to the background folder; without any, backgrounds
    are painted. Raises BadInput when the photographs are too few to be shared among the splits, or
    when no motion is left.
    """
    windows, film = windows or Windows(), film or FilmFormat()
    worn = {
        split: sorted((t for t in textures if t.split == split), key=lambda t: t.file)
        for split in SPLITS
    }
    splits = [split for split in SPLITS if worn[split]]
    run = RUNS.get(windows.overlap, "run0")
    of_motion = split_motions(entries, splits, seed)
    behind = _share_photographs(photographs, sorted(set(of_motion.values())), seed)

    def row(entry: MotionEntry, motion: Motion, number: int, start: int, frames: int) -> PlanRow:
        split = of_motion[entry.name]
        stem = f"{split}/{run}/{entry.name}/{entry.name}_c{number:04d}"
        rng = np.random.default_rng(clip_seed(seed, stem))
        betas = np.clip(rng.standard_normal(10), -SHAPE_LIMIT, SHAPE_LIMIT).astype(np.float32)
        identities = sorted({texture.identity for texture in worn[split]})
        identity = identities[rng.integers(len(identities))]
        own = [texture for texture in worn[split] if texture.identity == identity]
        texture = own[rng.integers(len(own))]
        background = (
            {"photograph": behind[split][rng.integers(len(behind[split]))]}
            if behind
            else {"painted": int(rng.integers(2**62))}
        )
        pose, translation, _ = clip_motion(motion, body, betas, start=start, frames=frames)
        joints = pose_joints(body, pose=pose, betas=betas, translation=translation)
        placed = place_camera(joints[1:-1], rng, film)
        return PlanRow(
            stem=stem,
            sequence=entry.name,
            clip=number,
            split=split,
            category=entry.category,
            subject=entry.subject,
            collection="stand-in" if stand_in else "cmu",
            source=entry.source_in(motion_folder),
            start=start,
            frames=frames,
            fps=float(windows.fps),
            overlap=float(windows.overlap),
            betas=tuple(float(b) for b in betas),
            texture=texture.file,
            identity=texture.identity,
            uv_layout=texture.uv_layout,
            background=background,
            width=film.width,
            height=film.height,
            intrinsics=_tupled(placed.camera.intrinsics.tolist()),
            rotation=_tupled(placed.camera.rotation.tolist()),
            translation=_tupled(placed.camera.translation.tolist()),
            camera_policy=POLICY,
            yaw=placed.yaw,
            distance_drawn=placed.distance_drawn,
            distance=placed.distance,
            light=tuple(float(c) for c in sample_light(rng)),
            seed=int(rng.integers(2**31)),
            stand_in=bool(stand_in or texture.stand_in),
            samples=samples,
            channels=tuple(channels),
        )

    made: dict[tuple[str, int], PlanRow] = {}
    broken: set[str] = set()
    while True:
        usable = [entry for entry in entries if entry.name not in broken]
        order = clip_order(usable, windows, seed, laps=1 if clips is None else None)
        chosen = list(itertools.islice(order, clips))
        missing: dict[str, list[tuple[MotionEntry, int, int, int]]] = {}
        for clip in chosen:
            if (clip[0].name, clip[1]) not in made:
                missing.setdefault(clip[0].name, []).append(clip)
        found = len(broken)
        for name in sorted(missing):  # each motion is read once
            try:
                motion = load(missing[name][0][0])
            except BadInput as error:
                report(str(error))
                broken.add(name)
                continue
            for entry, number, start, frames in missing[name]:
                made[name, number] = row(entry, motion, number, start, frames)
        if len(broken) == found:
            break
    rows = [made[entry.name, number] for entry, number, _, _ in chosen]
    if not rows:
        raise BadInput(
            f"{motion_folder}: no clip can be made; {len(entries)} motions, of which {len(broken)} are "
            f"damaged and the rest shorter than {windows.shortest} frames at {windows.fps:g} frames/s"
        )
    return rows


def _share_photographs(
    photographs: Sequence[str], splits: Sequence[str], seed: int
) -> dict[str, list[str]]:
    """Photographs of each split, none in two. Empty without photographs."""
    if not photographs:
        return {}
    if len(photographs) < len(splits):
        raise BadInput(
            f"{len(photographs)} photographs for {len(splits)} splits ({', '.join(splits)}), expected at "
            "least one of its own for each; give more photographs in --backgrounds"
        )
    of = split_among(photographs, splits, seed)
    return {split: sorted(name for name in photographs if of[name] == split) for split in splits}


def read_plan(path: Path) -> list[PlanRow]:
    """The rows of a plan.jsonl. Raises BadInput with file and line for a damaged one."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            rows.append(PlanRow.from_json(line))
        except ValueError as error:
            raise BadInput(
                f"{path}, line {number}: not a clip's row ({error}); remove {path.name} and plan again "
                "into another folder"
            ) from None
    return rows
