"""The body's two materials in Blender's nodes: lit by harmonics, and lit by real lights.

Takes Blender's datablocks and builds on them; imports no `bpy` itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from textures.visibility.shading import sh_irradiance

OPENNESS = "openness"
"""Name of the vertices' attribute that says how much of the harmonics' light is left there."""

_ROUGHNESS = 0.5  # of Oren and Nayar's diffuse cloth


class HarmonicsMaterial:
    """`texture * max(E(n), 0)` as an emission, E the irradiance of the world normal n.

    Where it is shaded, the mesh's attribute `OPENNESS` multiplies it.

    `to_blender` (3,3) turns our world into Blender's, whose normals the nodes are given.
    """

    def __init__(self, bpy: Any, to_blender: np.ndarray):
        self._to_blender = to_blender
        self.block = bpy.data.materials.new("harmonics")
        self.block.use_nodes = True
        # Every face is an emitter; Cycles must not sample 27,000 lamps.
        self.block.cycles.emission_sampling = "NONE"
        tree = self.block.node_tree
        tree.nodes.clear()
        link = tree.links.new

        def vector(operation: str, *values: Any) -> Any:
            """A vector-math node with linked inputs."""
            node = tree.nodes.new("ShaderNodeVectorMath")
            node.operation = operation
            for socket, value in zip(node.inputs, values, strict=False):
                link(value, socket)
            return node

        normal = tree.nodes.new("ShaderNodeNewGeometry").outputs["Normal"]
        # E(n) = n . (A n + b)
        self._rows = [vector("DOT_PRODUCT", normal) for _ in range(3)]
        product = tree.nodes.new("ShaderNodeCombineXYZ")
        for socket, row in zip(product.inputs, self._rows):
            link(row.outputs["Value"], socket)
        self._linear = vector("ADD", product.outputs[0])
        whole = vector("DOT_PRODUCT", self._linear.outputs[0], normal)
        positive = tree.nodes.new("ShaderNodeMath")
        positive.operation = "MAXIMUM"
        link(whole.outputs["Value"], positive.inputs[0])
        positive.inputs[1].default_value = 0.0

        self._texture = _texture_node(tree)
        openness = tree.nodes.new("ShaderNodeAttribute")
        openness.attribute_name = OPENNESS
        left = tree.nodes.new("ShaderNodeMath")
        left.operation = "MULTIPLY"
        link(positive.outputs[0], left.inputs[0])
        link(openness.outputs["Fac"], left.inputs[1])
        lit = vector("SCALE", self._texture.outputs["Color"])
        self._link, self._brightness = link, (positive.outputs[0], left.outputs[0])
        self._scale = lit.inputs["Scale"]
        self.shade(False)
        emission = tree.nodes.new("ShaderNodeEmission")
        link(lit.outputs[0], emission.inputs["Color"])
        output = tree.nodes.new("ShaderNodeOutputMaterial")
        link(emission.outputs[0], output.inputs["Surface"])

    def set_texture(self, image: Any) -> None:
        """Show a texture image (Blender's datablock)."""
        self._texture.image = image

    def shade(self, shaded: bool) -> None:
        """Multiply by the vertices' `OPENNESS`, or do not look at it."""
        self._link(self._brightness[int(shaded)], self._scale)

    def set_light(self, coefficients: np.ndarray) -> None:
        """Shine with SURREAL's nine coefficients (9,), as `textures.visibility.shading` does."""
        quadratic, linear = irradiance_form(coefficients)
        turn = self._to_blender
        for node, row in zip(self._rows, turn @ quadratic @ turn.T):
            node.inputs[1].default_value = tuple(row)
        self._linear.inputs[1].default_value = tuple(turn @ linear)


class ClothMaterial:
    """Matt cloth with the texture as its albedo."""

    def __init__(self, bpy: Any):
        self.block = bpy.data.materials.new("cloth")
        self.block.use_nodes = True
        tree = self.block.node_tree
        tree.nodes.clear()
        self._texture = _texture_node(tree)
        diffuse = tree.nodes.new("ShaderNodeBsdfDiffuse")
        diffuse.inputs["Roughness"].default_value = _ROUGHNESS
        tree.links.new(self._texture.outputs["Color"], diffuse.inputs["Color"])
        output = tree.nodes.new("ShaderNodeOutputMaterial")
        tree.links.new(diffuse.outputs[0], output.inputs["Surface"])

    def set_texture(self, image: Any) -> None:
        """Show a texture image (Blender's datablock)."""
        self._texture.image = image


def irradiance_form(coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The quadratic form of the irradiance in the normal.

    Read off `sh_irradiance` itself, which is linear in its coefficients before the cut at 0, so that
    Blender's light cannot drift from the one used elsewhere. The constant hides in A, since x x + y
    y + z z = 1.

    Args:
        coefficients: (9,) SURREAL's.

    Returns:
        A (3,3), b (3,) with `sh_irradiance(n, coefficients) = max(n.A n + b.n, 0)` for unit n.
    """
    grid = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    normals = grid[np.abs(grid).sum(axis=1) > 0]
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    x, y, z = normals.T
    terms = np.stack([x * x, y * y, z * z, x * y, x * z, y * z, x, y, z], axis=1)
    coefficients = np.asarray(coefficients, dtype=np.float64)
    flood = np.eye(9)[0] * 100 * (1 + np.abs(coefficients).sum())  # lifts everything above 0
    values = sh_irradiance(normals, coefficients + flood) - sh_irradiance(normals, flood)
    xx, yy, zz, xy, xz, yz, *linear = np.linalg.lstsq(terms, values, rcond=None)[0]
    quadratic = np.array([[xx, xy / 2, xz / 2], [xy / 2, yy, yz / 2], [xz / 2, yz / 2, zz]])
    return quadratic, np.array(linear)


def _texture_node(tree: Any) -> Any:
    node = tree.nodes.new("ShaderNodeTexImage")
    node.interpolation, node.extension = "Linear", "REPEAT"
    return node
