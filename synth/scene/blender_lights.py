"""Lights in Blender: lamps, worlds and the body's emission.

Takes the `bpy` module from `synth.scene.blender` and imports none itself. `add_light` has one
function for each kind of light that Blender shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from mocap.errors import BadInput
from synth.scene.blender_materials import HarmonicsMaterial
from synth.scene.lights.area_lamps import AreaLamps, Lamp
from synth.scene.lights.beams import environment_light, turn_directions
from synth.scene.lights.environment import Environment
from synth.scene.lights.light import WAIST, Light, direction
from synth.scene.lights.spherical_harmonics import SphericalHarmonics
from synth.scene.lights.sun_sky import SunSky


class BlenderLights:
    """The lamps and the world of one Blender scene.

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

    def clear(self) -> None:
        """Remove every light."""
        data = self._bpy.data
        for block in [item for item in self._scene.objects if item.type == "LIGHT"]:
            lamp = block.data
            data.objects.remove(block)
            data.lights.remove(lamp)
        world, self._scene.world = self._scene.world, None
        if world is not None:
            images = [node.image for node in world.node_tree.nodes if hasattr(node, "image")]
            data.worlds.remove(world)
            for image in images:
                data.images.remove(image)

    def set_light(self, light: Light, *, ground: np.ndarray) -> None:
        """Show one light and no other.

        Args:
            light: the light.
            ground: (3,) the point on the floor under the person, metres in the world.

        Raises:
            BadInput: Blender does not know the kind, or an environment cannot be read as a picture
                of 2:1.
        """
        self.clear()
        add_light(light, self, ground)

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
        """Add a world that is lit by an equirectangular picture, and its peaks as suns.

        Rays that cloth scatters find what is left of the picture with little noise; at the peaks they are
        aimed.
        """
        parts = environment_light(light.file)
        tree = self.add_world()
        texture = tree.nodes.new("ShaderNodeTexEnvironment")
        texture.image = self._picture(parts.remainder)
        coordinates = tree.nodes.new("ShaderNodeTexCoord")
        turn = tree.nodes.new("ShaderNodeMapping")
        turn.vector_type = "POINT"
        # Blender has the middle of the picture at its +x, our +x, azimuth pi/2.
        turn.inputs["Rotation"].default_value = (0.0, 0.0, math.pi / 2 - light.turn)
        tree.links.new(coordinates.outputs["Generated"], turn.inputs["Vector"])
        tree.links.new(turn.outputs[0], texture.inputs[0])
        background = tree.nodes["Background"]
        tree.links.new(texture.outputs[0], background.inputs["Color"])
        background.inputs["Strength"].default_value = light.strength
        peaks = parts.peaks
        headings = turn_directions(peaks.directions, light.turn)
        for beam, colour, angle in zip(-headings, peaks.colours, peaks.angles):
            sun = self._bpy.data.lights.new("sun", "SUN")
            brightness = light.strength * float(colour.max())
            sun.energy, sun.color = math.pi * brightness, tuple(colour / colour.max())
            sun.angle = min(float(angle), math.pi)
            self._link("sun", sun, facing(np.zeros(3), beam))

    def _picture(self, radiance: np.ndarray) -> Any:
        """Blender's datablock of a radiance (H,W,3)."""
        height, width = radiance.shape[:2]
        image = self._bpy.data.images.new("sky", width, height, float_buffer=True)
        image.colorspace_settings.name = "Non-Color"
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :3] = radiance[::-1]  # from the bottom row up
        image.pixels.foreach_set(rgba.ravel())
        image.update()
        return image


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
