"""Lights in Blender: lamps, worlds, the body's emission, and the floor that shadows fall on.

Takes the `bpy` module from `synth.scene.blender` and imports none itself. `add_light` has one
function for each kind of light that Blender shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.scene.blender_materials import HarmonicsMaterial
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import WAIST, Light, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


class BlenderLights:
    """The lamps, the world and the floor of one Blender scene.

    What `set_light` makes it removes again at the next call, so that nothing grows from clip to clip.

    Args:
        bpy: Blender's module.
        scene: the scene that is lit.
        to_blender: (4,4) turns our world into Blender's.
        harmonics: the materials of all that is there under `SphericalHarmonics`, which emit that light.
    """

    def __init__(
        self,
        bpy: Any,
        scene: Any,
        to_blender: np.ndarray,
        harmonics: Sequence[HarmonicsMaterial],
    ):
        self._bpy, self._scene, self._to_blender = bpy, scene, to_blender
        self._harmonics = harmonics
        self._floor: Any = None

    def clear(self) -> None:
        """Remove every light and the floor."""
        data = self._bpy.data
        for block in [item for item in self._scene.objects if item.type == "LIGHT"]:
            lamp = block.data
            data.objects.remove(block)
            data.lights.remove(lamp)
        if self._floor is not None:
            mesh = self._floor.data
            data.objects.remove(self._floor)
            data.meshes.remove(mesh)
            self._floor = None
        world, self._scene.world = self._scene.world, None
        if world is not None:
            images = [node.image for node in world.node_tree.nodes if hasattr(node, "image")]
            data.worlds.remove(world)
            for image in images:
                data.images.remove(image)

    def set_light(self, light: Light, *, ground: np.ndarray, floor: bool) -> None:
        """Show one light and no other.

        Args:
            light: the light.
            ground: (3,) the point on the floor under the person, metres in the world.
            floor: whether the light throws shadows on a floor.

        Raises:
            BadInput: Blender does not know the kind, or an environment cannot be read as a picture
                of 2:1.
        """
        self.clear()
        add_light(light, self, ground)
        if floor:
            self._lay_floor()

    # ------------------------------------------------------------------------------------- lights

    def _link(self, name: str, block: Any, matrix: np.ndarray) -> Any:
        item = self._bpy.data.objects.new(name, block)
        item.matrix_world = (self._to_blender @ matrix).T.tolist()  # by column
        self._scene.collection.objects.link(item)
        return item

    def emit_harmonics(self, light: SphericalHarmonics) -> None:
        """Let the body's own material emit what the harmonics' irradiance would show."""
        for material in self._harmonics:
            material.set_light(np.array(light.coefficients))

    def add_sun(self, light: SunSky) -> None:
        """Add the sun of a `SunSky`."""
        sun = self._bpy.data.lights.new("sun", "SUN")
        # A white surface square on to E watts per square metre shows E / pi.
        sun.energy, sun.color, sun.angle = math.pi * light.strength, light.colour, light.angle
        self._link("sun", sun, facing(np.zeros(3), -light.towards_sun))

    def add_lamp(self, lamp: Lamp, middle: np.ndarray) -> None:
        """Add a square lamp about `middle` (3,), the person's."""
        block = self._bpy.data.lights.new("lamp", "AREA")
        block.shape, block.size, block.color = "SQUARE", lamp.size, lamp.colour
        # W watts by the cosine's law give W / (pi d^2) on the axis, and a white surface 1 / pi of it.
        block.energy = math.pi**2 * lamp.distance**2 * lamp.strength
        to_lamp = direction(lamp.azimuth, lamp.elevation)
        item = self._link("lamp", block, facing(middle + lamp.distance * to_lamp, -to_lamp))
        item.visible_camera = False

    def add_world(self) -> Any:
        """Add a black world; its node tree, of "Background" and "World Output"."""
        world = self._bpy.data.worlds.new("world")
        world.use_nodes = True
        self._scene.world = world
        tree = world.node_tree
        tree.nodes.clear()
        background = tree.nodes.new("ShaderNodeBackground")
        background.name = "Background"
        output = tree.nodes.new("ShaderNodeOutputWorld")
        tree.links.new(background.outputs[0], output.inputs["Surface"])
        # An even sky is best met by the rays that cloth scatters; aiming at it would only share out
        # the rays that the sun or the lamps need.
        world.cycles.sampling_method = "NONE"
        return tree

    def add_ambient(self, brightness: float) -> None:
        """Add a world that is equally bright everywhere."""
        tree = self.add_world()
        tree.nodes["Background"].inputs["Color"].default_value = (*[brightness] * 3, 1.0)

    def add_sky(self, light: SunSky) -> None:
        """Add the sky of a `SunSky`."""
        tree = self.add_world()
        zenith, nadir = light.sky_brightness
        # Radiance m + s y over all directions gives a white surface m + 2/3 s n_y.
        mean, slope = (zenith + nadir) / 2, (zenith - nadir) * 0.75
        coordinates = tree.nodes.new("ShaderNodeTexCoord")
        axes = tree.nodes.new("ShaderNodeSeparateXYZ")
        tree.links.new(coordinates.outputs["Generated"], axes.inputs[0])
        scaled = tree.nodes.new("ShaderNodeVectorMath")
        scaled.operation = "SCALE"
        scaled.inputs[0].default_value = tuple(slope)
        tree.links.new(axes.outputs["Z"], scaled.inputs["Scale"])
        total = tree.nodes.new("ShaderNodeVectorMath")
        total.operation = "ADD"
        total.inputs[1].default_value = tuple(mean)
        tree.links.new(scaled.outputs[0], total.inputs[0])
        tree.links.new(total.outputs[0], tree.nodes["Background"].inputs["Color"])

    def add_environment(self, light: Environment) -> None:
        """Add a world that is lit by an equirectangular picture."""
        image = self._load(light.file)
        tree = self.add_world()
        self._scene.world.cycles.sampling_method = "AUTOMATIC"  # it may hold a sun: aim at it
        texture = tree.nodes.new("ShaderNodeTexEnvironment")
        texture.image = image
        coordinates = tree.nodes.new("ShaderNodeTexCoord")
        turn = tree.nodes.new("ShaderNodeMapping")
        turn.vector_type = "POINT"
        # Blender has the middle of the picture at its +x, our +x, azimuth pi/2.
        turn.inputs["Rotation"].default_value = (0.0, 0.0, math.pi / 2 - light.turn)
        tree.links.new(coordinates.outputs["Generated"], turn.inputs["Vector"])
        tree.links.new(turn.outputs[0], texture.inputs[0])
        background = tree.nodes["Background"]
        tree.links.new(texture.outputs[0], background.inputs["Color"])
        background.inputs["Strength"].default_value = light.strength / self._brightness(
            image, light.file
        )

    def _load(self, file: str) -> Any:
        data = self._bpy.data
        path = Path(file).resolve()
        complaint = f"{file}: not a picture of 2:1 in .hdr or .exr that Blender reads"
        if not path.is_file():
            raise BadInput(f"{file}: no such environment picture")
        try:
            image = data.images.load(str(path))
        except RuntimeError as error:
            raise BadInput(complaint) from error
        width, height = image.size
        if width == 0 or width != 2 * height:
            data.images.remove(image)
            raise BadInput(f"{complaint}; found {width}x{height}")
        return image

    def _brightness(self, image: Any, file: str) -> float:
        """Mean luminance over the sphere."""
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        colour = pixels.reshape(height, width, image.channels)[..., :3]
        rows = colour.mean(axis=1, dtype=np.float64) @ _LUMINANCE[: colour.shape[2]]
        weights = np.cos((np.arange(height) + 0.5) / height * math.pi - math.pi / 2)
        mean = float((rows * weights).sum() / weights.sum())
        if not (math.isfinite(mean) and mean > 0):
            raise BadInput(f"{file}: its mean brightness is {mean}, expected above 0")
        return mean

    # -------------------------------------------------------------------------------------- floor

    def _lay_floor(self) -> None:
        mesh = self._bpy.data.meshes.new("floor")
        mesh.from_pydata([(0.0, 0.0, 0.0)] * 4, [], [(0, 1, 2, 3)])
        floor = self._link("floor", mesh, np.eye(4))
        floor.is_shadow_catcher = True
        # What the floor throws back at the body is in the sky's lower half already.
        floor.visible_diffuse = floor.visible_shadow = False
        self._floor = floor

    def stretch_floor(self, corners: np.ndarray) -> None:
        """Lay the floor between `corners` (4,3), counter-clockwise seen from above."""
        mesh = self._floor.data
        mesh.vertices.foreach_set("co", np.ascontiguousarray(corners, np.float32).ravel())
        mesh.update()


@singledispatch
def add_light(light: Light, lights: BlenderLights, ground: np.ndarray) -> None:
    """Add a light of any kind that Blender shows to a scene without lights.

    Args:
        light: the light, whose class picks the function.
        lights: of the scene.
        ground: (3,) the point on the floor under the person.
    """
    raise BadInput(f"light of kind {light.kind!r}: --engine cycles does not know it")


@add_light.register
def _add_harmonics(light: SphericalHarmonics, lights: BlenderLights, ground: np.ndarray) -> None:
    lights.emit_harmonics(light)


@add_light.register
def _add_sun_sky(light: SunSky, lights: BlenderLights, ground: np.ndarray) -> None:
    lights.add_sun(light)
    lights.add_sky(light)


@add_light.register
def _add_area_lamps(light: AreaLamps, lights: BlenderLights, ground: np.ndarray) -> None:
    for lamp in light.lamps:
        lights.add_lamp(lamp, ground + WAIST)
    lights.add_ambient(light.ambient)


@add_light.register
def _add_environment(light: Environment, lights: BlenderLights, ground: np.ndarray) -> None:
    lights.add_environment(light)


def facing(position: np.ndarray, beam: np.ndarray) -> np.ndarray:
    """(4,4) of a thing at `position` whose -z axis, Blender's beam, points along `beam` (unit)."""
    z = -np.asarray(beam, dtype=np.float64)
    side = np.array([1.0, 0.0, 0.0]) if abs(z[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = np.cross(side, z)
    x /= np.linalg.norm(x)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = x, np.cross(z, x), z
    matrix[:3, 3] = position
    return matrix
