"""One row of a plan: everything that a clip follows from, and the file of such rows.

A clip is a pure function of its row and of the files that the row names, so the number of workers,
their order, restarts and machines change no byte of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

from mocap.errors import BadInput
from mocap.files import atomic_write
from mocap.parsing.json_files import Label, RelativePath, choice, decode_json, read_json_lines
from synth.garments.clothing import ClothesDraw
from synth.scene.camera import View
from synth.scene.engines import ENGINES
from synth.scene.ground_truth import CHANNELS
from synth.scene.lens.lens import Lens
from synth.scene.lights.registry import light_from_fields
from synth.scene.occluders import OccluderDraw
from synth.scene.places.scene_place import ScenePlace
from textures.library import SPLITS

Row = TypeVar("Row")

LAYOUTS = ("surreal", "compact")
"""Layouts of the files of dense channels, see `synth.clips.channel_files`."""

GENDERS = ("neutral", "female", "male")
COLLECTIONS = ("cmu", "stand-in")

SURREAL_LENS = 60 / 32
"""Focal length by sensor width of SURREAL's camera (mm by mm): 600 pixels on 320, 300 on 160."""

PLAN_VERSION = 7  # raised whenever the same row would give another clip

MAX_SIDE = 8192  # pixels of a picture's width and height
MAX_FRAMES = 100_000  # of a clip
MAX_TRACKS = 100_000
MAX_PEOPLE = 5  # in a clip
MAX_OCCLUDERS = 10  # in a clip
MAX_PIXELS = 2**30  # of a clip's frames together, whose channels are held in memory

_ADVICE = "plan again"


Betas = Annotated[
    tuple[Annotated[float, Meta(ge=-10, le=10)], ...], Meta(min_length=10, max_length=10)
]


@dataclass(frozen=True, kw_only=True)
class FigureRow:
    """A person of a clip beside the first; as in `PlanRow`, but for the place.

    `heading` is by how much the motion is turned about the vertical, radians; `seed` that of the place
    on the floor (`synth.scene.placement`).
    """

    sequence: Label
    subject: Label
    source: RelativePath
    start: Annotated[int, Meta(ge=0, le=10**9)]
    gender: Annotated[str, choice(GENDERS)]
    betas: Betas
    texture: RelativePath
    identity: Label
    heading: Annotated[float, Meta(ge=-10, le=10)]
    seed: Annotated[int, Meta(ge=0, lt=2**62)]
    clothes: ClothesDraw | None = None


@dataclass(frozen=True, kw_only=True)
class PlanRow:
    """One clip.

    Paths are relative: `source` to the motion folder, `texture` to the texture
    folder, `background["photograph"]` to the background folder, `background["environment"]` and a
    light's `file` to the folder of environments (or `background["painted"]` is a seed).

    `collection` is where the motion comes from ("cmu" or "stand-in"). `start` and `frames` count
    at `fps`; `stride` is the step between windows, in percent of one. `light` holds the fields of
    a `synth.scene.lights` light, `lens` what the camera does to the picture. `library` names the
    texture library where a plan compares two. `figures` are the people beside the first, whose fields
    are the row's own; `occluders` the things that may come between them and the camera. `scene_place`
    says what is known of the place that the background shows; None: nothing, it is a plate at infinity.
    """

    version: int
    stem: RelativePath
    sequence: Label
    clip: Annotated[int, Meta(ge=0, lt=2**31)]
    split: Annotated[str, choice(SPLITS)]
    category: Label
    subject: Label
    collection: Annotated[str, choice(COLLECTIONS)]
    source: RelativePath
    start: Annotated[int, Meta(ge=0, le=10**9)]
    frames: Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
    fps: Annotated[float, Meta(gt=0, le=1000)]
    stride: Annotated[int, Meta(ge=1, le=100)]
    gender: Annotated[str, choice(GENDERS)]
    betas: Betas
    library: Label
    texture: RelativePath
    identity: Label
    uv_layout: Label
    background: Mapping[str, RelativePath | Annotated[int, Meta(ge=0, le=2**63 - 1)]]
    width: Annotated[int, Meta(ge=16, le=MAX_SIDE, multiple_of=2)]
    height: Annotated[int, Meta(ge=16, le=MAX_SIDE, multiple_of=2)]
    view: View
    light: Mapping[str, Any]
    seed: Annotated[int, Meta(ge=0, lt=2**62)]
    stand_in: bool
    engine: Annotated[str, choice(ENGINES)]
    samples: Annotated[int, Meta(ge=1, le=65536)]
    channels: tuple[Annotated[str, choice(CHANNELS)], ...]
    tracks: Annotated[int, Meta(ge=1, le=MAX_TRACKS)]
    layout: Annotated[str, choice(LAYOUTS)]
    lens: Lens = field(default_factory=Lens)
    figures: Annotated[tuple[FigureRow, ...], Meta(max_length=MAX_PEOPLE - 1)] = ()
    occluders: Annotated[tuple[OccluderDraw, ...], Meta(max_length=MAX_OCCLUDERS)] = ()
    scene_place: ScenePlace | None = None
    clothes: ClothesDraw | None = None

    @property
    def clothes_of_people(self) -> tuple[ClothesDraw | None, ...]:
        """What everybody wears beside what their texture shows, the first person first."""
        return (self.clothes, *(figure.clothes for figure in self.figures))

    @property
    def genders(self) -> tuple[str, ...]:
        """Of everybody, the first person first."""
        return (self.gender, *(figure.gender for figure in self.figures))

    @property
    def textures(self) -> tuple[str, ...]:
        """Of everybody, the first person first."""
        return (self.texture, *(figure.texture for figure in self.figures))

    @property
    def identities(self) -> tuple[str, ...]:
        """Of everybody, the first person first."""
        return (self.identity, *(figure.identity for figure in self.figures))

    @property
    def film_mirrored(self) -> bool:
        """Whether the clip's files show the world in a mirror, as SURREAL's do."""
        return self.layout == "surreal"

    def to_json(self) -> str:
        """The row as a line of a plan; of one person alone it says nothing of others."""
        scene_place = self.scene_place and msgspec.to_builtins(self.scene_place)
        fields = {**vars(self), "view": vars(self.view), "lens": vars(self.lens)}
        fields["scene_place"] = scene_place
        for name, items in (("figures", self.figures), ("occluders", self.occluders)):
            fields.pop(name, None)
            if items:
                fields[name] = msgspec.to_builtins(items)
        fields.pop("clothes", None)
        if self.clothes is not None:
            fields["clothes"] = msgspec.to_builtins(self.clothes)
        return json.dumps(fields, sort_keys=True)

    @classmethod
    def from_json(cls, line: str | bytes) -> PlanRow:
        """The row of a line of a plan. Raises BadInput, without the file, where it is none."""
        text = line.encode("utf-8", "replace") if isinstance(line, str) else line
        version = _decoded_row(text, _Versioned, extra_fields=True).version
        if version != PLAN_VERSION:
            raise BadInput(
                f"a plan of version {version}, expected {PLAN_VERSION}; plan again with this version "
                "of the program, or film with the one that planned it"
            )
        row = _decoded_row(text, cls)
        _check_together(row)
        return row


@dataclass(frozen=True, kw_only=True)
class _Versioned:
    """What a row of any version has; the first had none."""

    version: int = 1


def _decoded_row(text: bytes, kind: type[Row], *, extra_fields: bool = False) -> Row:
    try:
        return decode_json(text, kind, extra_fields=extra_fields)
    except BadInput as error:
        raise BadInput(f"not a clip's row: {error}; {_ADVICE}") from None


def _check_together(row: PlanRow) -> None:
    """Raises BadInput for fields that are good alone but not together."""
    view, engine = row.view, ENGINES[row.engine]
    try:
        kind = light_from_fields(row.light).kind
    except BadInput as error:
        raise BadInput(f"not a clip's row: field light: {error}; {_ADVICE}") from None

    def demand(field_name: str, value: Any, holds: bool, expected: str) -> None:
        if not holds:
            raise BadInput(
                f"not a clip's row: field {field_name} is {value!r:.80}, expected {expected}; {_ADVICE}"
            )

    background = dict(row.background)
    items: list[tuple[str, object]] = [*background.items()] or [("", None)]
    (name, value), *more_kinds = items
    good = not more_kinds and isinstance(value, {"painted": int}.get(name, str))
    good = good and name in ("photograph", "environment", "painted")
    expected = "the path of a photograph or an environment, or the seed of a painted one"
    demand("background", background, good, expected)
    scene_place = row.scene_place
    dome = scene_place and scene_place.dome
    good = (dome is not None) == (name == "environment")
    demand("scene_place.dome", dome, good, "a dome for an environment, and null for all others")
    camera = scene_place and scene_place.photograph
    good = camera is None or name == "photograph"
    good = good and (scene_place is None or name != "photograph" or camera is not None)
    expected = "the camera of a photograph that is a place, and null for all others"
    demand("scene_place.photograph", camera, good, expected)
    good = view.policy != "standing" or view.height is not None
    demand("view.height", view.height, good, "metres, where the policy is standing")
    supported = " or ".join(engine.light_kinds)
    demand("light.kind", kind, kind in engine.light_kinds, f"{supported} with engine {row.engine}")
    limit = engine.max_samples or row.samples
    demand("samples", row.samples, row.samples <= limit, f"at most {limit} with {row.engine}")
    repeated = len(set(row.channels)) < len(row.channels)
    demand("channels", row.channels, not repeated, "each channel once")
    half_side = min(row.width, row.height) / 2
    demand("view.border", view.border, view.border < half_side, "less than half the picture")
    pixels = row.frames * row.width * row.height
    expected = f"at most {MAX_PIXELS:,} pixels in a clip, found {pixels:,}"
    demand("frames", row.frames, pixels <= MAX_PIXELS, expected)
    points = row.frames * row.tracks
    expected = f"at most {MAX_PIXELS:,} points of tracks in a clip, found {points:,}"
    demand("tracks", row.tracks, points <= MAX_PIXELS, expected)
    if row.layout != "surreal":
        return
    alone = (
        "in the layout surreal, which knows one person and no occluder; plan with --layout compact"
    )
    demand("figures", len(row.figures), not row.figures, f"none {alone}")
    demand("occluders", len(row.occluders), not row.occluders, f"none {alone}")
    plain = "in the layout surreal, which knows bodies alone; plan with --layout compact"
    demand("clothes", row.clothes, row.clothes is None, f"none {plain}")
    layout = "in the layout surreal, whose one camera"
    good = view.move == "still" or view.amount == 0
    demand("view.move", view.move, good, f"still {layout} does not move")
    demand("view.pitch", view.pitch, view.pitch == 0, f"0 {layout} is level")
    demand(
        "view.height", view.height, view.height is None, f"null {layout} is level with the person"
    )
    focal = SURREAL_LENS * row.width
    good = math.isclose(view.focal, focal, rel_tol=1e-6)
    demand("view.focal", view.focal, good, f"{focal:g} {layout} has a lens of 600 pixels on 320")


def write_plan(path: Path, rows: Iterable[PlanRow]) -> None:
    """Write a plan, whole or not at all."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(row.to_json() + "\n" for row in rows)


def read_plan(path: Path) -> list[PlanRow]:
    """The rows of a plan.

    Raises:
        BadInput: with file and line, a damaged plan, one of another version and one that has a clip
            twice.
    """
    if not Path(path).is_file():
        raise BadInput(f"{path}: no such plan; make one with `synth plan`")
    rows: dict[str, PlanRow] = {}
    for label, line in read_json_lines(path, advice=_ADVICE):
        try:
            row = PlanRow.from_json(line)
        except BadInput as error:
            raise BadInput(f"{label}: {error}") from None
        if rows.setdefault(row.stem, row) is not row:
            raise BadInput(f"{label}: clip {row.stem} stands twice; plan again")
    if not rows:
        raise BadInput(f"{path}: a plan without clips; plan again")
    return list(rows.values())


def rows_of_shard(rows: list[PlanRow], shard: tuple[int, int] | None) -> list[PlanRow]:
    """Every N-th row from the K-th on, for shard (K, N) with K from 1; all for None."""
    return rows if shard is None else rows[shard[0] - 1 :: shard[1]]


def parse_shard(text: str) -> tuple[int, int]:
    """(K, N) of "K/N". Raises BadInput unless 1 <= K <= N."""
    first, slash, second = text.partition("/")
    if slash and first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second):
        return int(first), int(second)
    raise BadInput(f"--shard {text}: expected K/N with K from 1 to N, as 3/16")
