"""An independent reader of binary glTF, for tests: struct, json and numpy."""

from __future__ import annotations

import json
import struct

import numpy as np

DTYPES = {5121: np.uint8, 5125: np.uint32, 5126: np.float32}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


class Glb:
    """A file's document and bytes; every length in it is checked."""

    def __init__(self, content: bytes) -> None:
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content)) and length % 4 == 0
        chunks, offset = {}, 12
        while offset < length:
            size, kind = struct.unpack_from("<I4s", content, offset)
            assert size % 4 == 0
            chunks[kind] = content[offset + 8 : offset + 8 + size]
            offset += 8 + size
        assert offset == length and list(chunks) == [b"JSON", b"BIN\0"]
        self.document = json.loads(chunks[b"JSON"])
        self.bytes = chunks[b"BIN\0"]
        assert self.document["buffers"] == [{"byteLength": len(self.bytes)}]

    def view(self, number: int) -> bytes:
        view = self.document["bufferViews"][number]
        start, size = view["byteOffset"], view["byteLength"]
        assert start % 4 == 0 and start + size <= len(self.bytes)
        return self.bytes[start : start + size]

    def array(self, number: int) -> np.ndarray:
        """An accessor's values, (N,) or (N, width)."""
        accessor = self.document["accessors"][number]
        width = WIDTHS[accessor["type"]]
        flat = np.frombuffer(self.view(accessor["bufferView"]), DTYPES[accessor["componentType"]])
        values = flat.reshape(accessor["count"], width)
        for key, reduce in (("min", np.min), ("max", np.max)):
            if key in accessor:
                np.testing.assert_array_equal(
                    np.array(accessor[key], np.float32), reduce(values, 0)
                )
        return values[:, 0] if width == 1 else values

    def attribute(self, name: str) -> np.ndarray:
        return self.array(self.document["meshes"][0]["primitives"][0]["attributes"][name])

    def faces(self) -> np.ndarray:
        return self.array(self.document["meshes"][0]["primitives"][0]["indices"]).reshape(-1, 3)

    def node_matrices(self, frame: int | None = None) -> np.ndarray:
        """World matrices (nodes, 4, 4) at rest, or where the animation has its key `frame`."""
        nodes = self.document["nodes"]
        translation = np.array([node.get("translation", (0, 0, 0)) for node in nodes], float)
        rotation = np.tile([0.0, 0, 0, 1], (len(nodes), 1))
        if frame is not None:
            animation = self.document["animations"][0]
            for channel in animation["channels"]:
                sampler = animation["samplers"][channel["sampler"]]
                target = channel["target"]
                value = self.array(sampler["output"])[frame]
                (rotation if target["path"] == "rotation" else translation)[target["node"]] = value
        local = np.tile(np.eye(4), (len(nodes), 1, 1))
        local[:, :3, 3] = translation
        for number, (x, y, z, w) in enumerate(rotation):
            local[number, :3, :3] = [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        world = np.full_like(local, np.nan)
        pending = [(node, np.eye(4)) for node in self.document["scenes"][0]["nodes"]]
        while pending:
            node, above = pending.pop()
            world[node] = above @ local[node]
            pending += [(child, world[node]) for child in nodes[node].get("children", [])]
        return world

    def skinned_vertices(self, frame: int) -> np.ndarray:
        """The mesh (N, 3) as a viewer draws it in a key frame of the animation."""
        skin = self.document["skins"][0]
        binds = self.array(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
        joints = self.node_matrices(frame)[skin["joints"]] @ binds
        blended = np.einsum(
            "nk,nkij->nij", self.attribute("WEIGHTS_0"), joints[self.attribute("JOINTS_0")]
        )
        positions = np.c_[self.attribute("POSITION"), np.ones(len(blended))]
        return np.einsum("nij,nj->ni", blended, positions)[:, :3]
