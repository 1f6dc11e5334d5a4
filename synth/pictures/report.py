"""The report: one self-contained HTML file of what went in, what came out and what it is worth."""

from __future__ import annotations

import base64
import collections
import io
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
import cv2
import jinja2
import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from mocap.files import atomic_write
from synth import __version__
from synth.clips.clip import Clip, read_clip
from synth.clips.clip_info import versions_of
from synth.clips.clip_lines import read_clip_lines
from synth.pictures.channel_mosaic import body_window, mosaic
from synth.pictures.recognition_table import read_recognition_table
from textures.harvest.contact_sheet import centred, turned_views
from textures.harvest.crop_image import read_crop
from textures.library import SCORES, TextureEntry, read_library, read_texture

Item = TypeVar("Item")

_TEMPLATE = Path(__file__).with_name("report.html")


def data_uri(kind: str, data: bytes) -> str:
    """Bytes as a `data:` address of the MIME type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def picture_uri(rgb: np.ndarray, quality: int = 88) -> str:
    """An RGB uint8 picture as a JPEG `data:` address."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return data_uri("image/jpeg", cv2.imencode(".jpg", rgb[..., ::-1], options)[1].tobytes())


def film_uri(frames: Sequence[np.ndarray], fps: float) -> str:
    """RGB frames as an H.264 mp4 `data:` address."""
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as file:
        track = file.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        track.height, track.width = frames[0].shape[:2]
        track.pix_fmt = "yuv420p"
        track.options = {"crf": "26", "threads": "1"}
        for frame in frames:
            file.mux(track.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        file.mux(track.encode())
    return data_uri("video/mp4", stream.getvalue())


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spaced, first and last among them."""
    if not items:
        return []
    indices = np.unique(np.linspace(0, len(items) - 1, max(1, count)).round().astype(int))
    return [items[index] for index in indices]


def _crops_below(images: Path | None) -> dict[str, Path]:
    """Files below a folder by their name, and by their path below it, as libraries call them."""
    if images is None:
        return {}
    files = [path for path in images.rglob("*") if path.is_file()]
    by_path = {path.relative_to(images).as_posix(): path for path in files}
    return {path.name: path for path in files} | by_path


def texture_card(
    entry: TextureEntry, folder: Path, crop: Path | None, body: Body, skinning: Skinning
) -> dict[str, Any]:
    """What the template shows of one texture."""
    texture = read_texture(folder / entry.file)
    views = turned_views(body, skinning, texture, height=300, width=150)
    shown = [f"{name} {value:.2f}" for name, value in entry.scores.items()]
    large = None
    if crop is not None:
        image = read_crop(crop, entry.boxes.get(entry.source)).pixels
        large = picture_uri(fitted_into(image, 300, 300))
    return {
        "crop": large,
        "texture": picture_uri(cv2.resize(texture, (300, 300), interpolation=cv2.INTER_AREA)),
        "turned": picture_uri(np.hstack(views)),
        "source": entry.source,
        "identity": entry.identity,
        "split": entry.split,
        "scores": ", ".join(shown),
        "score_values": dict(entry.scores),
        "licence": entry.licence,
        "generator": entry.generator,
        "stand_in": entry.stand_in,
    }


def fitted_into(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """The whole picture (h,w,3) as large as it can be within a width and a height, pixels."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    return cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)


def clip_mosaics(clip: Clip) -> list[np.ndarray]:
    """One picture of all channels for every frame. Raises BadInput where a channel is missing."""
    truth = clip.truth
    depth, parts, normals = truth.depth, truth.parts, truth.normals
    forward, backward = truth.flow_forward, truth.flow_backward
    if depth is None or parts is None or normals is None or forward is None or backward is None:
        raise BadInput(
            "the clip lacks a channel; render with all of depth, segm, normal and gtflow"
        )
    finite = depth[np.isfinite(depth)]
    lengths = np.linalg.norm(forward[truth.mask], axis=-1)
    longest = float(np.percentile(lengths, 99)) if len(lengths) else 1.0
    height, width = truth.mask.shape[1:]
    window = body_window(truth.mask, (height, width))
    return [
        mosaic(
            clip.frames[frame],
            window=window,
            joints=truth.joints2d[frame],
            depth=depth[frame],
            parts=parts[frame],
            normals=normals[frame],
            forward_flow=forward[frame],
            backward_flow=backward[frame],
            near=float(finite.min()) if len(finite) else 0.0,
            far=float(finite.max()) if len(finite) else 1.0,
            longest_flow=longest,
        )
        for frame in range(len(clip.frames))
    ]


def busiest_frame(clip: Clip) -> int:
    """The frame in which the body moves most, forth and back: there flow can be seen, too.

    Raises BadInput where the clip has no flow.
    """
    mask = clip.truth.mask
    moved = np.zeros(len(mask))
    for flow in (clip.truth.flow_forward, clip.truth.flow_backward):
        if flow is None:
            raise BadInput("the clip lacks flow; render with the channel gtflow")
        moved += np.linalg.norm(flow, axis=-1).sum(axis=(1, 2))
    return int((moved / np.maximum(mask.sum(axis=(1, 2)), 1)).argmax())


def film_card(line: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What the template shows of one clip (a line of clips.jsonl)."""
    clip = read_clip(folder / line["path"])
    mosaics = clip_mosaics(clip)
    renderer = versions_of(clip.info, folder / line["path"]).renderer
    facts = f"{line['category']} · texture {line['texture']} · {line['frames']} frames"
    return {
        "video": film_uri(mosaics, line["fps"]),
        "poster": picture_uri(mosaics[busiest_frame(clip)], quality=70),
        "caption": f"{line['path']} · {facts} at {line['fps']:g} fps · split {line['split']}",
        "renderer": "the raster engine" if renderer == "raster" else f"Blender {renderer}",
        "stand_in": line["stand_in"],
    }


def write_picture(
    out: Path, *, body: Body, textures: Path, images: Path, films: Path, width: int = 1600
) -> None:
    """Write one wide JPEG: crops, their textures and bodies, and all channels of one frame of a film.

    Three crops with their textures and their bodies turned around stand above the frame. Raises
    BadInput, naming the file, where something cannot be read.
    """
    entries = evenly(read_library(textures, body), 5)[1:4]
    crops, skinning = _crops_below(images), Skinning(body)
    cards = []
    for entry in entries:
        if entry.source not in crops:
            raise BadInput(f"{images}: no {entry.source} below it; give the folder of the crops")
        texture = read_texture(textures / entry.file)
        crop = read_crop(crops[entry.source], entry.boxes.get(entry.source)).pixels
        shown = [centred(fitted_into(crop, 150, 300), 150, 300), cv2.resize(texture, (300, 300))]
        cards.append(
            np.hstack(shown + turned_views(body, skinning, texture, height=300, width=150))
        )
    lines = _one_of_each_category(read_clip_lines(films))
    clip = read_clip(films / lines[len(lines) // 2]["path"])
    rows = [np.hstack(cards), clip_mosaics(clip)[busiest_frame(clip)]]
    scaled = [
        cv2.resize(
            row, (width, round(row.shape[0] * width / row.shape[1])), interpolation=cv2.INTER_AREA
        )
        for row in rows
    ]
    quality = [cv2.IMWRITE_JPEG_QUALITY, 88]
    data = cv2.imencode(".jpg", np.vstack(scaled)[..., ::-1], quality)[1].tobytes()
    with atomic_write(out) as temporary:
        temporary.write_bytes(data)


def _one_of_each_category(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first: dict[str, dict[str, Any]] = {}
    for line in lines:
        first.setdefault(line["category"], line)
    return list(first.values())


def _revision() -> str:
    """The git revision of the code, where it runs from a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        completed = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "installed package"
    return f"revision {completed.stdout.strip()}"


def _good_cards(
    items: Sequence[Item], make: Callable[[Item], dict[str, Any]], leave_out: Callable[[str], None]
) -> list[dict[str, Any]]:
    """A card for each item that has one. Raises BadInput, the first item's, where none has."""
    cards: list[dict[str, Any]] = []
    errors: list[BadInput] = []
    for item in items:
        try:
            cards.append(make(item))
        except BadInput as error:
            errors.append(error)
    if errors and not cards:
        raise errors[0]
    for refusal in errors:
        leave_out(str(refusal))
    return cards


def _counts(values: Sequence[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(collections.Counter(values).items()))


def write_report(
    out: Path,
    *,
    body: Body,
    textures: Path | None = None,
    images: Path | None = None,
    films: Path | None = None,
    recognition: Path | None = None,
    title: str = "From crops to textures to films to recognition",
    cards: int = 12,
    clips: int = 4,
    report: Callable[[str], None] = lambda line: None,
) -> int:
    """Write the report of textures, films and recognition, of those that are given.

    A texture or clip that cannot be read is left out.

    Args:
        out: the HTML file.
        body: of the textures and films.
        textures: a texture library's folder.
        images: the folder of the crops that the textures come from.
        films: a film folder.
        recognition: the folder that `synth eval-ucf101` wrote.
        title: of the report.
        cards: how many textures are shown, at most.
        clips: how many films are shown, at most.
        report: called with a line per texture or clip that is left out.

    Returns:
        How many textures and clips were left out.

    Raises:
        BadInput: one of the folders cannot be read, or none of its textures or clips; the message names
            the file.
    """
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        report(f"left out: {line}")

    context: dict[str, Any] = {"title": title, "version": __version__, "revision": _revision()}
    facts: list[tuple[str, str]] = [("body", f"{body.name} ({body.uv_layout} UV layout)")]
    generated: list[str] = []
    if textures is not None:
        entries = read_library(textures, body)
        crops, skinning = _crops_below(images), Skinning(body)
        chosen = evenly(entries, cards)
        folder = textures

        def make_texture_card(entry: TextureEntry) -> dict[str, Any]:
            return texture_card(entry, folder, crops.get(entry.source), body, skinning)

        context["textures"] = _good_cards(chosen, make_texture_card, leave_out)
        scored = {name for card in context["textures"] for name in card["score_values"]}
        context["scores"] = {name: SCORES[name] for name in SCORES if name in scored}
        context["texture_count"] = len(entries)
        context["identity_count"] = len({entry.identity for entry in entries})
        facts.append(("textures", f"{len(entries)} ({_counts([e.split for e in entries])})"))
        facts.append(("generator", ", ".join(sorted({e.generator for e in entries}))))
        facts.append(("licences", _counts([e.licence or "not stated" for e in entries])))
        generated += ["textures"] * any(entry.stand_in for entry in entries)
    if films is not None:
        lines = read_clip_lines(films)
        chosen = evenly(_one_of_each_category(lines), clips)
        films_folder = films
        context["films"] = _good_cards(
            chosen, lambda line: film_card(line, films_folder), leave_out
        )
        context["renderers"] = sorted({card["renderer"] for card in context["films"]})
        context["film_count"] = len(lines)
        context["frame_count"] = sum(line["frames"] for line in lines)
        facts.append(("clips by split", _counts([line["split"] for line in lines])))
        facts.append(("clips by category", _counts([line["category"] for line in lines])))
        generated += ["films"] * any(line["stand_in"] for line in lines)
    if recognition is not None:
        table = read_recognition_table(recognition)
        context["table"] = table
        context["splits"] = table.splits
        seconds = sum(run.seconds for run in table.runs)
        for name, count in table.films.items():
            classes = len(table.film_classes[name])
            facts.append((f"pretraining on {name}", f"{count} clips of {classes} classes"))
        facts.append(("recognition", f"{len(table.runs)} trainings, {seconds:.0f} s, {table.data}"))
        generated += [f"{name} of the recognition table" for name in table.stand_in]
    if generated:
        names = ", ".join(dict.fromkeys(generated))
        context["stand_in"] = f"Generated for this run, not recorded: {names}."
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    html = environment.from_string(_TEMPLATE.read_text()).render(**context, facts=facts)
    with atomic_write(out) as temporary:
        temporary.write_text(html, encoding="utf-8")
    return len(left_out)
