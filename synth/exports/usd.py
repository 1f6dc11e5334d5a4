"""USD through Blender: the binary glTF is opened in it and written as UsdSkel.

Blender is asked of `synth.scene.blender`, the one file that imports it.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from mocap.files import atomic_write
from synth.scene.blender import BlenderError, import_blender, quiet

SUFFIXES = (".usd", ".usda", ".usdc", ".usdz")
PACKED = ".usdz"  # the one that holds its texture


def scene_of_glb(content: bytes, *, fps: float = 30.0) -> Any:
    """Blender's module with a binary glTF as its only content, a frame of `fps` for each key.

    Raises:
        BadInput: Blender is not installed.
        BlenderError: it does not take the file.
    """
    bpy = import_blender()
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "body.glb"
        path.write_bytes(content)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        render = bpy.context.scene.render
        render.fps, render.fps_base = _frame_rate(fps)
        try:
            status = bpy.ops.import_scene.gltf(filepath=str(path), disable_bone_shape=True)
        except (RuntimeError, AttributeError) as error:
            raise BlenderError(f"Blender did not open the glTF: {error}") from error
        if "FINISHED" not in status:
            raise BlenderError(f"Blender did not open the glTF: {status}")
    return bpy


def _frame_rate(fps: float) -> tuple[int, float]:
    """Blender's whole number and the number that divides it."""
    whole = max(1, round(fps))
    return whole, whole / fps


def write_usd(path: Path, content: bytes, *, frames: int, fps: float) -> list[Path]:
    """Write a binary glTF as USD, y up, in metres.

    Args:
        path: .usdz holds its texture; beside the others lies a folder "textures" with it.
        content: of the binary glTF.
        frames: of its animation; 1 for none.
        fps: frames per second.

    Returns:
        The files that were written.

    Raises:
        BadInput: Blender is not installed.
        BlenderError: it could not write the file.
    """
    bpy = scene_of_glb(content, fps=fps)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 0, max(frames - 1, 0)
    with tempfile.TemporaryDirectory() as folder:
        # The name within the file's folder is what the file will point to.
        draft = Path(folder) / path.name
        pictures = Path(folder) / "textures"
        with quiet():
            status = bpy.ops.wm.usd_export(
                filepath=str(draft),
                export_animation=frames > 1,
                export_armatures=True,
                export_materials=True,
                export_textures_mode="NEW",
                overwrite_textures=True,
                convert_orientation=True,
                export_global_forward_selection="NEGATIVE_Z",
                export_global_up_selection="Y",
                generate_preview_surface=True,
                convert_world_material=False,
                relative_paths=True,
            )
        if "FINISHED" not in status or not draft.is_file():
            raise BlenderError(f"{path}: Blender did not write it ({status})")
        written = [path]
        if path.suffix != PACKED and pictures.is_dir():
            final = path.parent / pictures.name
            for picture in sorted(pictures.iterdir()):
                with atomic_write(final / picture.name) as temporary:
                    shutil.copyfile(picture, temporary)
                written.append(final / picture.name)
        with atomic_write(path) as temporary:
            shutil.copyfile(draft, temporary)
    return written
