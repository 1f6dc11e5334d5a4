"""A texture on a body, and perhaps a motion, as a file for other programs: glTF, OBJ or USD."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.bodies.skinning import Skinning, skin
from mocap.errors import BadInput
from mocap.library.motion_library import load_motion
from mocap.motion import Motion
from synth.exports.glb import glb_bytes, write_glb
from synth.exports.skinned_model import skinned_model, skinning_error
from synth.exports.usd import SUFFIXES as USD_SUFFIXES
from synth.exports.usd import write_usd
from synth.exports.wavefront import write_wavefront
from synth.pictures.preview import find_motion, read_texture
from synth.scene.blender import import_blender
from textures.library import listed_texture

EXPORT_SUFFIXES = (".glb", ".obj", *USD_SUFFIXES)


@dataclass(frozen=True)
class WrittenExport:
    """What was written: the files, the named one first, and lines on what is in them."""

    files: list[Path]
    facts: list[str]


def check_export_name(path: Path) -> str:
    """The kind of file by its name, in lower case. Raises BadInput for a name of no kind known."""
    suffix = path.suffix.lower()
    if suffix not in EXPORT_SUFFIXES:
        raise BadInput(
            f"--out {path}: found the ending '{path.suffix}', expected one of "
            f"{', '.join(EXPORT_SUFFIXES)}"
        )
    if path.is_dir():
        raise BadInput(f"--out {path}: is a folder, expected a file's name in it")
    return suffix


def export_texture(
    texture: Path,
    out: Path,
    *,
    bodies: BodySource,
    gender: str = "neutral",
    motion: Path | None = None,
    name: str | None = None,
    frame: int | None = None,
    fps: float | None = None,
    source_fps: float | None = None,
    generator: str = "SURREAL++",
    report: Callable[[str], None] = print,
) -> WrittenExport:
    """Write a body in a texture; what `synth export` does.

    Args:
        texture: a square picture in the body's UV layout.
        out: .glb and .usd hold the skeleton, the skin and the motion; .obj one pose.
        bodies: the free body, or the user's file.
        gender: of the free body.
        motion: a file of motion, or a folder of them.
        name: of the motion in the folder or the file.
        frame: of an .obj, which frame of the motion it shows, counted from 0.
        fps: frames per second of the animation; None for the motion's.
        source_fps: the frame rate of a motion that neither its file nor an index knows.
        generator: the program's name and version, written into the file.
        report: is told what is going on.

    Returns:
        The files, and what is in them.

    Raises:
        BadInput: the texture, the motion or the name does not fit, or Blender is missing for USD.
    """
    texture, out = Path(texture), Path(out)
    suffix = check_export_name(out)
    posed = suffix == ".obj" and motion is not None
    if frame is not None and not posed:
        raise BadInput("--frame: is of a motion that an .obj shows; give --motion and --out F.obj")
    if motion is None and (name is not None or fps is not None):
        raise BadInput("--name, --fps: are of a motion; give --motion")
    if suffix in USD_SUFFIXES:
        report("Blender starts, which writes USD")
        import_blender()
    body = bodies.load(gender)
    picture = read_texture(texture, body)
    moving = _motion(body, motion, name, fps, source_fps, report)
    entry = listed_texture(texture)
    licence = entry.licence if entry is not None else ""
    facts = [f"texture {texture}, UV layout {body.uv_layout}" + (f", {licence}" if licence else "")]
    if suffix == ".obj":
        vertices, pose_fact = _posed(body, moving, frame or 0)
        facts.append(pose_fact)
        files = write_wavefront(
            out, body.mesh, vertices, picture, source=texture, comments=(generator, *facts)
        )
        return WrittenExport(files, facts)
    model = skinned_model(body)
    facts.append(
        f"24 joints, {len(model.positions):,} vertices, {len(model.faces):,} faces; "
        f"{model.reduced:,} of {len(body.template):,} vertices had more than four joints"
    )
    if body.pose_directions is not None:
        facts.append("the body's pose corrections are left out: a skin of this format has none")
    if moving is not None:
        mean, largest = skinning_error(model, body, moving)
        facts.append(
            f"{moving.name}: {len(moving)} frames at {moving.fps:g} a second; the surface is "
            f"{1000 * mean:.2f} mm off the body's on average, {1000 * largest:.1f} mm at most"
        )
    content = glb_bytes(
        model,
        picture,
        moving,
        title=texture.stem,
        generator=generator,
        copyright_line=licence,
        facts={"uv_layout": body.uv_layout, "body": body.name},
    )
    if suffix == ".glb":
        write_glb(out, content)
        return WrittenExport([out], facts)
    report("Blender writes USD")
    frames, rate = (1, 30.0) if moving is None else (len(moving), moving.fps)
    return WrittenExport(write_usd(out, content, frames=frames, fps=rate), facts)


def _motion(
    body: Body,
    motion: Path | None,
    name: str | None,
    fps: float | None,
    source_fps: float | None,
    report: Callable[[str], None],
) -> Motion | None:
    if motion is None:
        return None
    report(f"reading {motion}" + (f", {name}" if name else ""))
    return load_motion(find_motion(motion, name, fps=source_fps), body, fps)


def _posed(body: Body, motion: Motion | None, frame: int) -> tuple[np.ndarray, str]:
    """The body's vertices in the T-pose or in a frame of a motion, and which it is."""
    if motion is None:
        return body.template, "the mean shape in the T-pose, metres, y up"
    if frame >= len(motion):
        raise BadInput(
            f"--frame {frame}: {motion.name} has frames 0 to {len(motion) - 1} at "
            f"{motion.fps:g} a second"
        )
    pose, translation = motion.pose[[frame]], motion.translation[[frame]]
    vertices, _ = skin(Skinning(body), pose=pose, betas=np.zeros(10), translation=translation)
    return vertices[0], f"{motion.name}, frame {frame} of {len(motion)}, metres, y up"
