"""Presets: every number of a film set, in one place, each of them to be overridden.

A preset is a TOML file with a table for each dataclass below; what it leaves out keeps the value that
stands here, which is SURREAL's (Varol et al., CVPR 2017) wherever SURREAL has one. `extends` names
the preset that a preset begins with.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
import typing
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from mocap.errors import BadInput
from mocap.parsing.json_files import Label, decode_json, read_bounded_file
from mocap.parsing.settings import is_mapping, nearest_fields, parse_override, typed_value
from synth.garments.clothing import CLOTHES
from synth.plans.plan_row import (
    GENDERS,
    LAYOUTS,
    MAX_FRAMES,
    MAX_OCCLUDERS,
    MAX_PEOPLE,
    MAX_PIXELS,
    MAX_SIDE,
    MAX_TRACKS,
    SURREAL_LENS,
)
from synth.scene.camera import MOVES, POLICIES
from synth.scene.engines import ENGINES
from synth.scene.ground_truth import CHANNELS
from synth.scene.lens.lens import MAX_DEFOCUS
from synth.scene.lens.registry import STREAM_EFFECTS
from synth.scene.lights.registry import LIGHT_KINDS
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.occluders import OCCLUDER_KINDS
from synth.scene.places.scene_place import CAMERA_HEIGHT, DOME_RADIUS
from textures.library import SPLITS as TEXTURE_SPLITS

FOLDER = Path(__file__).with_name("presets")
DEFAULT = "standard"
SUBJECT_SPLITS = ("auto", "surreal", "hash", "motion")
BALANCES = ("identity", "texture", "random")
BACKGROUND_KINDS = ("plate", "photograph", "environment", "painted")
SURREAL_CHANNELS = ("depth", "segm")
"""Unless others are asked for, a clip in SURREAL's layout is SURREAL's four files: mp4, info, these."""

COMPANY = ("category", "any")
CROWD_CHANNELS = ("depth", "segm", "normal", "gtflow", "instances")
"""Unless others are asked for, the channels where there may be several people or occluders."""

Share = Annotated[float, Meta(ge=0, le=1e9)]
Degrees = Annotated[float, Meta(ge=-720, le=720)]


@dataclass(frozen=True, kw_only=True)
class FilmFormat:
    """The picture: pixels, frames per second, how it is rendered and which ground truth is kept.

    `layout` "surreal" is SURREAL's release: mirrored, filmed by one level camera that stands still; where
    it is chosen and no `channels` are, these are SURREAL's depth and segm.
    """

    width: int = 320
    height: int = 240
    fps: float = 30.0
    engine: str = "cycles"
    samples: Annotated[int, Meta(le=65536)] = (
        0  # per pixel; 0: what the engine needs under the light
    )
    layout: str = "compact"
    channels: tuple[str, ...] = ("depth", "segm", "normal", "gtflow")
    tracks: int = 1000  # points followed, for the channel of that name

    def samples_under(self, light_kind: str) -> int:
        """Samples per pixel under a kind of light: the engine's own where none are asked for."""
        return self.samples or ENGINES[self.engine].default_samples(light_kind)


@dataclass(frozen=True, kw_only=True)
class Windows:
    """How motions are cut into clips of `frames` frames.

    For each run, a window begins every `strides` percent of a window. A remainder that is shorter than
    `shortest` frames makes no clip.
    """

    frames: int = 100
    strides: tuple[int, ...] = (50,)
    shortest: Annotated[int, Meta(le=MAX_FRAMES)] = 16

    def starts(self, length: int, *, stride: int) -> list[int]:
        """First frames of the clips of a motion of `length` frames.

        As many as SURREAL's, max(1, ceil((length - (frames - step)) / step)) with step = `stride`
        percent of a window, but for windows that are too short.
        """
        step = max(1, round(self.frames * stride / 100))
        starts = list(range(0, max(1, length - (self.frames - step)), step))
        shortest = min(self.shortest, self.frames)
        return [s for s in starts if min(self.frames, length - s) >= shortest]


@dataclass(frozen=True, kw_only=True)
class Motions:
    """Which motions: at most `limit` (0: all), of `categories` (none: all of them)."""

    limit: Annotated[int, Meta(ge=0)] = 0
    categories: tuple[Label, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bodies:
    """Which bodies: `genders` are drawn at random, and shapes.

    Betas are N(0, 1) cut at `shape_limit`, which keeps out SURREAL's "monster" bodies.
    """

    genders: tuple[str, ...] = ("neutral",)
    shape_limit: Annotated[float, Meta(ge=0, le=10)] = 2.0


@dataclass(frozen=True, kw_only=True)
class People:
    """How many people are in a clip: `count`, a number or uniform in [low, high], 1 to 5.

    Each has a motion, shape, texture, heading and place, and nobody is where anybody else is. `company`
    "category": what the others do is of the first person's category, so that the clip's category is
    everybody's; "any": of any.
    """

    count: tuple[Annotated[int, Meta(ge=1, le=MAX_PEOPLE)], ...] = (1, 1)
    company: str = "category"


@dataclass(frozen=True, kw_only=True)
class Clothes:
    """Clothes and hair with a shape: `shares`, of people, that wear each piece; none by default.

    Of tops and bottoms that exclude each other the first drawn is worn (`synth.garments.clothing`).
    `swing`: whether skirts, dresses, coats, hoods, long hair and hanging bags lag behind the body and
    swing; false: they hang in each frame as on a body that stands still.
    """

    shares: Mapping[str, Annotated[float, Meta(ge=0, le=1)]] = field(default_factory=dict)
    swing: bool = True


@dataclass(frozen=True, kw_only=True)
class Occluders:
    """How many things come between the camera and people: `count`, as of people, and which.

    `kinds` are drawn alike; half of them stand and half cross. One that finds no room is left out.
    """

    count: tuple[Annotated[int, Meta(ge=0, le=MAX_OCCLUDERS)], ...] = (0, 0)
    kinds: tuple[str, ...] = OCCLUDER_KINDS


@dataclass(frozen=True, kw_only=True)
class CameraRanges:
    """Where cameras stand and how they move. Metres, pixels; angles in degrees.

    `policy` "framed": the whole clip is in the frame; the camera steps back where it must, trying
    `sides` sides before it goes beyond `far`. "start": SURREAL's, the person's position in the first
    frame is looked at, and people may walk out. `height` is the camera's above the floor (empty:
    level with the person), `pitch` how far it looks down; both are uniform in [low, high].
    `moves` are the shares of kinds of movement; a pan turns, a dolly drives towards or away, an orbit
    goes around and a hand shakes by amounts uniform up to these.
    """

    policy: str = "framed"
    focal: Annotated[float, Meta(ge=1, le=1e6)] = 600.0
    distance_mean: Annotated[float, Meta(gt=0, le=1000)] = 8.0
    distance_spread: Annotated[float, Meta(ge=0, le=1000)] = 1.0
    near: float = 4.0
    far: Annotated[float, Meta(le=1000)] = 12.0
    sides: Annotated[int, Meta(le=1000)] = 8
    border: int = 6  # pixels kept free around the body
    flesh: Annotated[float, Meta(ge=0, le=10)] = (
        0.22  # metres around a joint (head top, hands, feet)
    )
    height: tuple[Annotated[float, Meta(ge=-1000, le=1000)], ...] = ()
    pitch: tuple[float, ...] = (0.0, 0.0)
    moves: Mapping[str, Share] = field(default_factory=lambda: {"still": 1.0})
    pan: Degrees = 12.0
    dolly: Annotated[float, Meta(ge=-100, le=100)] = 1.5
    orbit: Degrees = 60.0
    shake: Annotated[float, Meta(ge=0, le=90)] = 1.0


@dataclass(frozen=True, kw_only=True)
class Lights:
    """Shares of the kinds of light (see `synth.scene.lights`), and how much of a body it must light.

    A light is drawn again until it lights `minimum_lit` (in files: `least`) of the body as the camera
    sees it, by `Light.lit_shares`; 0 takes any, as SURREAL, whose law leaves some people black.
    `contact` is how much of an even sky's shadow, on the body and about its feet, is laid over harmonics,
    which have none of their own.
    """

    kinds: Mapping[str, Share] = field(default_factory=lambda: {SphericalHarmonics.kind: 1.0})
    minimum_lit: float = field(default=0.0, metadata={"key": "least"})
    contact: Annotated[float, Meta(ge=0, le=1)] = 0.0


@dataclass(frozen=True, kw_only=True)
class LensRanges:
    """What clips' cameras do to their pictures (`synth.scene.lens.lens.Lens`); labels know none of it.

    Each is uniform in [low, high]. `codecs` are the shares of cameras that compress their film before
    it is written: "none", "jpeg" (each frame, of the qualities `jpeg`) and "h264" (of the CRFs `h264`).
    `sharp` keeps the film without a lens beside each film.
    """

    shutter: tuple[Annotated[float, Meta(ge=0, le=1)], ...] = (0.0, 0.0)
    defocus: tuple[Annotated[float, Meta(ge=0, le=MAX_DEFOCUS)], ...] = (0.0, 0.0)
    backdrop_defocus: tuple[Annotated[float, Meta(ge=0, le=MAX_DEFOCUS)], ...] = (0.0, 0.0)
    exposure: tuple[Annotated[float, Meta(ge=-6, le=6)], ...] = (0.0, 0.0)
    shot_noise: tuple[Annotated[float, Meta(ge=0, le=1)], ...] = (0.0, 0.0)
    read_noise: tuple[Annotated[float, Meta(ge=0, le=1)], ...] = (0.0, 0.0)
    codecs: Mapping[str, Share] = field(default_factory=lambda: {"none": 1.0})
    jpeg: tuple[Annotated[int, Meta(ge=1, le=100)], ...] = (40, 85)
    h264: tuple[Annotated[int, Meta(ge=1, le=51)], ...] = (26, 36)
    sharp: bool = False


@dataclass(frozen=True, kw_only=True)
class Backgrounds:
    """Shares of the kinds of background, of which those count whose files are there (none: painted).

    "plate": SURREAL's, a photograph of anything at infinity (without photographs, a painted one), before
    which people stand as they may. The others are places: people stand on their floor, the camera is
    theirs and moves in them. "photograph": one that shows a floor. "environment": a picture of all
    sides, which also lights the person. "painted": drawn from a seed; beside others only where it
    is named with a share.

    `heights`: the film's camera stands so many metres above the floor of an environment or a painted
    place, uniform in [low, high], where `camera.height` does not say. `camera_height`: metres above the
    floor from which photographs and environments were taken, where nothing tells. `dome`: metres to
    where an environment's dome rises. `enlarged`: how much larger than its own pixels a photograph is
    shown at most.
    """

    kinds: Mapping[str, Share] = field(default_factory=lambda: {"plate": 1.0})
    heights: tuple[Annotated[float, Meta(ge=0.05, le=1000)], ...] = (1.1, 2.0)
    camera_height: Annotated[float, Meta(ge=0.05, le=1000)] = CAMERA_HEIGHT
    dome: Annotated[float, Meta(ge=1, le=10_000)] = DOME_RADIUS
    enlarged: Annotated[float, Meta(ge=0.1, le=100)] = 2.0


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """Whether scenes are `shared` among categories.

    Shared, each background and light is seen in one clip of every category, so that they do not tell
    what is done; a handful of clips is filmed in as many places. Else every clip draws its own, as
    SURREAL's.
    """

    shared: bool = True


@dataclass(frozen=True, kw_only=True)
class Splits:
    """The rule by which motions are split.

    `subjects` "surreal": SURREAL's 30 test subjects; "hash": a hash of the
    subject; "motion": by motion; "auto": by subject where there are ten, else by motion.
    """

    subjects: str = "auto"


@dataclass(frozen=True, kw_only=True)
class TextureSampling:
    """Which textures are used, and how often.

    The `limit` best (0: all) whose scores reach `minimum_scores` (in files: `least`); `score` ranks
    them. `splits` are those of the library that are used (none: all of them): plans with other limits
    show equal motions only in equal splits, and a few textures may lack one. `balance` "identity":
    people take turns, clip by clip, and each person's textures; "texture": textures take turns;
    "random": each clip draws a person, then one of their textures. Whose turn it is goes first to the
    category that has had them least. `quality` weighs a draw among one person's textures by score to
    that power.
    """

    limit: Annotated[int, Meta(ge=0)] = 0
    splits: tuple[str, ...] = ()
    score: Label = "reid_cosine"
    minimum_scores: Mapping[str, float] = field(default_factory=dict, metadata={"key": "least"})
    balance: str = "identity"
    quality: Annotated[float, Meta(ge=0, le=1000)] = 0.0


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A whole film set. `name` says what it was made from."""

    name: str = DEFAULT
    film: FilmFormat = field(default_factory=FilmFormat)
    windows: Windows = field(default_factory=Windows)
    motions: Motions = field(default_factory=Motions)
    bodies: Bodies = field(default_factory=Bodies)
    camera: CameraRanges = field(default_factory=CameraRanges)
    light: Lights = field(default_factory=Lights)
    lens: LensRanges = field(default_factory=LensRanges)
    background: Backgrounds = field(default_factory=Backgrounds)
    scenes: Scenes = field(default_factory=Scenes)
    splits: Splits = field(default_factory=Splits)
    textures: TextureSampling = field(default_factory=TextureSampling)
    people: People = field(default_factory=People)
    occluders: Occluders = field(default_factory=Occluders)
    clothes: Clothes = field(default_factory=Clothes)

    @property
    def crowded(self) -> bool:
        """Whether a clip may have several people or an occluder."""
        return max(self.people.count) > 1 or max(self.occluders.count) > 0

    def __post_init__(self) -> None:
        _check(self)


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read_preset(name: str | Path = DEFAULT, overrides: Iterable[str] = ()) -> Preset:
    """The preset of that name, or of a TOML file, with overrides on top.

    In SURREAL's layout, channels and backgrounds are SURREAL's unless others are asked for.

    Args:
        name: of a preset that comes with the package, or a TOML file.
        overrides: such as "camera.distance_mean=6".

    Raises:
        BadInput: an unknown preset, field or value, naming the nearest that there is.
    """
    tables, label = _tables(str(name), descendants=())
    preset_kinds = tables.get("background", {}).get("kinds")
    for text in overrides:
        key, value = parse_override(text)
        _set_value(tables, key, value, f"--set {text}")
    film = tables.get("film", {})
    if film.get("layout", FilmFormat.layout) == "surreal":
        film.setdefault("channels", SURREAL_CHANNELS)
        if tables.get("background", {}).get("kinds") is preset_kinds:
            tables.setdefault("background", {})["kinds"] = {"plate": 1.0}
    sections: dict[str, Any] = {}
    for section, values in tables.items():
        attributes = {_key(f): f.name for f in dataclasses.fields(_section_classes()[section])}
        try:
            sections[section] = _section_classes()[section](
                **{attributes[key]: value for key, value in values.items()}
            )
        except TypeError as error:
            raise BadInput(f"preset {label}: [{section}]: {error}") from None
    preset = Preset(name=label, **sections)
    if preset.crowded and "channels" not in film:
        preset = dataclasses.replace(
            preset, film=dataclasses.replace(preset.film, channels=CROWD_CHANNELS)
        )
    return preset


def _tables(name: str, descendants: tuple[str, ...]) -> tuple[dict[str, dict[str, Any]], str]:
    """The tables of a preset, those it extends first, every key checked."""
    if name in descendants:
        raise BadInput(f"preset {name}: extends itself by way of {', '.join(descendants)}")
    packaged = FOLDER / f"{name}.toml"
    path = packaged if packaged.is_file() else Path(name)
    if not path.is_file():
        raise BadInput(
            f"preset {name}: no such preset or file; expected {', '.join(preset_names())} or a .toml"
        )
    try:
        advice = "correct the file"
        read = tomllib.loads(read_bounded_file(path, advice=advice).decode("utf-8"))
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:  # TOML's and UTF-8's errors are ValueErrors
        reason = str(error)[:200]
        raise BadInput(f"{path}: not a preset in TOML ({reason}); correct the file") from None
    tables: dict[str, dict[str, Any]] = {}
    if "extends" in read:
        tables, _ = _tables(str(read.pop("extends")), (*descendants, name))
    for section, values in read.items():
        if not isinstance(values, dict):
            raise BadInput(f"{path}: {section} stands outside a table; {_nearest(section)}")
        for key, value in values.items():
            _set_value(tables, f"{section}.{key}", value, str(path))
    return tables, path.stem


def _set_value(tables: dict[str, dict[str, Any]], key: str, value: Any, origin: str) -> None:
    """Set the field or entry `key` of the tables, checked; `origin` names the source in messages."""
    section, _, name = key.partition(".")
    name, _, entry = name.partition(".")
    types = _field_types()
    if name not in types.get(section, {}):
        raise BadInput(f"{origin}: no field {key}; {_nearest(key)}")
    kind = types[section][name]
    table = tables.setdefault(section, {})
    if entry:
        if not is_mapping(kind):
            raise BadInput(f"{origin}: {section}.{name} has no entries of its own")
        value = {**table.get(name, {}), entry: value}
    table[name] = typed_value(value, kind, f"{origin}: {section}.{name}")


def _section_classes() -> dict[str, type]:
    """The dataclass of each table."""
    hints = typing.get_type_hints(Preset)
    return {
        name: hint
        for name, hint in hints.items()
        if isinstance(hint, type) and dataclasses.is_dataclass(hint)
    }


def _key(attribute: dataclasses.Field) -> str:
    """What a field is called in files, where that is not its name."""
    return str(attribute.metadata.get("key", attribute.name))


def _field_types() -> dict[str, dict[str, Any]]:
    """The type of each key of each table."""
    types = {}
    for section, cls in _section_classes().items():
        hints = typing.get_type_hints(cls)
        types[section] = {_key(f): hints[f.name] for f in dataclasses.fields(cls)}
    return types


def _nearest(key: str) -> str:
    keys = [f"{section}.{name}" for section, names in _field_types().items() for name in names]
    return nearest_fields(key, keys)


def _check(preset: Preset) -> None:
    """Raises BadInput for values that no film can be made with."""
    film, windows, camera = preset.film, preset.windows, preset.camera

    def demand(field_name: str, value: Any, holds: bool, expected: str) -> None:
        if not holds:
            raise BadInput(f"{field_name} is {value!r}, expected {expected}")

    def one_of(field_name: str, values: Iterable[str], choices: Collection[str]) -> None:
        for value in values:
            demand(field_name, value, value in choices, f"one of {', '.join(choices)}")

    one_of("film.engine", [film.engine], ENGINES)
    one_of("film.layout", [film.layout], LAYOUTS)
    one_of("film.channels", film.channels, CHANNELS)
    one_of("camera.policy", [camera.policy], POLICIES)
    one_of("camera.moves", camera.moves, MOVES)
    one_of("light.kinds", preset.light.kinds, LIGHT_KINDS)
    one_of("lens.codecs", preset.lens.codecs, ("none", *STREAM_EFFECTS))
    one_of("background.kinds", preset.background.kinds, BACKGROUND_KINDS)
    one_of("bodies.genders", preset.bodies.genders, GENDERS)
    one_of("splits.subjects", [preset.splits.subjects], SUBJECT_SPLITS)
    one_of("people.company", [preset.people.company], COMPANY)
    one_of("clothes.shares", preset.clothes.shares, CLOTHES)
    one_of("occluders.kinds", preset.occluders.kinds, OCCLUDER_KINDS)
    for name, count in (
        ("people.count", preset.people.count),
        ("occluders.count", preset.occluders.count),
    ):
        good = len(count) in (1, 2) and list(count) == sorted(count)
        demand(name, count, good, f"a number or [low, high], as --set {name}=1,3")
    demand("occluders.kinds", preset.occluders.kinds, bool(preset.occluders.kinds), "at least one")
    one_of("textures.balance", [preset.textures.balance], BALANCES)
    one_of("textures.splits", preset.textures.splits, TEXTURE_SPLITS)
    for name, shares in (
        *(("camera.moves", camera.moves), ("light.kinds", preset.light.kinds)),
        ("lens.codecs", preset.lens.codecs),
        ("background.kinds", preset.background.kinds),
    ):
        good = all(v >= 0 for v in shares.values()) and sum(shares.values()) > 0
        demand(name, dict(shares), good, "shares that are not negative and not all 0")
    for name, side in (("film.width", film.width), ("film.height", film.height)):
        good = 16 <= side <= MAX_SIDE and side % 2 == 0
        demand(name, side, good, f"even, from 16 to {MAX_SIDE}")
    demand("film.fps", film.fps, 0 < film.fps <= 1000, "more than 0")
    demand("film.samples", film.samples, film.samples >= 0, "at least 1, or 0 for the engine's own")
    engine, limit = ENGINES[film.engine], ENGINES[film.engine].max_samples
    if limit is not None:
        demand(
            "film.samples",
            film.samples,
            film.samples <= limit,
            f"at most {limit} with {film.engine}",
        )
    kinds = [kind for kind, share in preset.light.kinds.items() if share > 0]
    good = all(kind in engine.light_kinds for kind in kinds)
    supported = " and ".join(engine.light_kinds)
    demand("light.kinds", kinds, good, f"{supported} alone for engine {film.engine}")
    demand(
        "film.tracks",
        film.tracks,
        1 <= film.tracks <= MAX_TRACKS,
        f"at least 1, at most {MAX_TRACKS}",
    )
    good = 2 <= windows.frames <= MAX_FRAMES
    demand("windows.frames", windows.frames, good, f"at least 2, at most {MAX_FRAMES}")
    good = windows.frames * film.width * film.height <= MAX_PIXELS
    demand("windows.frames", windows.frames, good, f"at most {MAX_PIXELS:,} pixels in a clip")
    lit = preset.light.minimum_lit
    demand("light.least", lit, 0 <= lit <= 0.95, "0 (any light), or a share of up to 0.95")
    good = bool(windows.strides) and all(1 <= s <= 100 for s in windows.strides)
    demand("windows.strides", windows.strides, good, "percent of a window, 1 to 100")
    good = len(set(windows.strides)) == len(windows.strides)
    demand("windows.strides", windows.strides, good, "different ones")
    demand("windows.shortest", windows.shortest, windows.shortest >= 1, "at least 1")
    demand("bodies.genders", preset.bodies.genders, bool(preset.bodies.genders), "at least one")
    demand("camera.focal", camera.focal, camera.focal > 0, "more than 0 pixels")
    good = 0.5 <= camera.near <= camera.far
    demand("camera.near", camera.near, good, f"from 0.5 to camera.far ({camera.far:g}) metres")
    demand("camera.sides", camera.sides, camera.sides >= 1, "at least 1")
    good = len(camera.height) in (0, 2) and list(camera.height) == sorted(camera.height)
    expected = "nothing, or [low, high], as --set camera.height=1.4,2.4"
    demand("camera.height", camera.height, good, expected)
    heights = preset.background.heights
    good = len(heights) == 2 and list(heights) == sorted(heights)
    expected = "[low, high], as --set background.heights=1.1,2"
    demand("background.heights", heights, good, expected)
    good = bool(camera.height) or camera.policy != "standing"
    expected = "framed or start, or a camera.height to stand at"
    demand("camera.policy", camera.policy, good, expected)
    good = len(camera.pitch) == 2 and max(map(abs, camera.pitch)) <= 80
    good = good and list(camera.pitch) == sorted(camera.pitch)
    expected = "[low, high] within 80 degrees, as --set camera.pitch=-5,15"
    demand("camera.pitch", camera.pitch, good, expected)
    for attribute in dataclasses.fields(preset.lens):
        limits = getattr(preset.lens, attribute.name)
        if isinstance(limits, tuple):
            good = len(limits) == 2 and limits[0] <= limits[1]
            demand(f"lens.{attribute.name}", limits, good, "[low, high]")
    if film.layout == "surreal":
        _check_surreal_camera(preset)
    half_side = min(film.width, film.height) / 2
    demand(
        "camera.border", camera.border, 0 <= camera.border < half_side, "less than half the picture"
    )
    for section, cls in _section_classes().items():
        _check_ranges(section, getattr(preset, section), cls)


def _check_surreal_camera(preset: Preset) -> None:
    """Raises BadInput for cameras that SURREAL's layout has no way to say."""
    camera, focal = preset.camera, SURREAL_LENS * preset.film.width
    for name, highest, plain in (
        ("people.count", max(preset.people.count), 1),
        ("occluders.count", max(preset.occluders.count), 0),
        ("clothes.shares", max(preset.clothes.shares.values(), default=0), 0),
    ):
        if highest > plain:
            raise BadInput(
                f"{name} is up to {highest:g}, but film.layout is surreal, which knows one person, no "
                f"occluder and no clothes; leave {name} as it is, or give --layout compact, which "
                "keeps them"
            )
    if preset.background.kinds.get("photograph", 0) > 0:
        raise BadInput(
            "background.kinds has photographs that are places, which their own cameras see, but "
            "film.layout is surreal, whose one camera is level; give --set background.kinds={plate=1}, "
            "or --layout compact"
        )

    def demand(field_name: str, value: Any, holds: bool, expected: str, remedy: str) -> None:
        if not holds:
            raise BadInput(
                f"{field_name} is {value!r}, but film.layout is surreal, whose one camera {expected}; "
                f"give --set {remedy}, or --layout compact, which keeps any camera"
            )

    moves = {name: share for name, share in camera.moves.items() if share > 0}
    demand(
        *("camera.moves", moves, set(moves) == {"still"}),
        *("stands still", "camera.moves={still=1}"),
    )
    level = all(angle == 0 for angle in camera.pitch)
    demand("camera.pitch", camera.pitch, level, "is level", "camera.pitch=[0,0]")
    demand(
        *("camera.height", camera.height, not camera.height),
        *("is level with the person", "camera.height=[]"),
    )
    good = math.isclose(camera.focal, focal, rel_tol=1e-6)
    expected = f"has a lens of 600 pixels on 320 ({focal:g} on {preset.film.width})"
    demand("camera.focal", camera.focal, good, expected, f"camera.focal={focal:g}")


def _check_ranges(name: str, section: Any, cls: type) -> None:
    """Raises BadInput where a value of a section is out of the range that its field states."""
    try:
        decode_json(json.dumps(dataclasses.asdict(section)).encode(), cls)
    except BadInput as error:
        text = str(error).removeprefix("field ")
        for attribute in dataclasses.fields(cls):  # by what files call it
            text = re.sub(rf"^{attribute.name}\b", _key(attribute), text)
        raise BadInput(f"{name}.{text}") from None
