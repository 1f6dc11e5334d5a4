"""Binary glTF 2.0: a skinned, textured body and its motion in one file.

glTF's world is ours: metres, right-handed, y up, a figure that faces +z. Its texture coordinates
count v from the top. The container is a header, a chunk of JSON and a chunk of bytes; nothing else of
the format is needed, so no library is.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from mocap.bodies.body import JOINT_NAMES, PARENTS
from mocap.files import atomic_write
from mocap.motion import Motion
from synth.exports.skinned_model import SkinnedModel

_MAGIC, _VERSION, _JSON, _BIN = b"glTF", 2, b"JSON", b"BIN\0"
_FLOAT, _BYTE, _WORD = 5126, 5121, 5125
_COMPONENTS = {np.dtype(np.float32): _FLOAT, np.dtype(np.uint8): _BYTE, np.dtype(np.uint32): _WORD}
_TYPES = {(): "SCALAR", (2,): "VEC2", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_VERTICES, _INDICES = 34962, 34963  # what a buffer view holds
_LINEAR, _MIPMAPS, _REPEAT = 9729, 9987, 10497


class _Buffer:
    """The bytes of a file, and the views and accessors that say what they are."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, content: bytes, **fields: Any) -> int:
        """Append bytes and number their view."""
        self.bytes += b"\0" * (-len(self.bytes) % 4)
        self.views.append(
            {"buffer": 0, "byteOffset": len(self.bytes), "byteLength": len(content), **fields}
        )
        self.bytes += content
        return len(self.views) - 1

    def accessor(self, array: np.ndarray, *, bounded: bool = False, target: int = 0) -> int:
        """Append an array (N, ...) and number its accessor; `bounded` ones say their range."""
        array = np.ascontiguousarray(array)
        fields = {"target": target} if target else {}
        entry: dict[str, Any] = {
            "bufferView": self.view(array.tobytes(), **fields),
            "componentType": _COMPONENTS[array.dtype],
            "count": len(array),
            "type": _TYPES[array.shape[1:]],
        }
        if bounded:
            flat = array.reshape(len(array), -1)
            entry |= {"min": flat.min(axis=0).tolist(), "max": flat.max(axis=0).tolist()}
        self.accessors.append(entry)
        return len(self.accessors) - 1


def joint_rotations(pose: np.ndarray) -> np.ndarray:
    """Quaternions (T, 24, 4) float32, x y z w, of poses (T, 72), each near the frame before's.

    A quaternion and its negative are one rotation; a player that goes straight from one to the other
    would turn the joint the long way round.
    """
    quaternions = Rotation.from_rotvec(pose.reshape(-1, 3)).as_quat().reshape(len(pose), 24, 4)
    turned = (quaternions[1:] * quaternions[:-1]).sum(axis=-1) < 0
    signs = np.ones((len(pose), 24))
    signs[1:] = np.cumprod(np.where(turned, -1.0, 1.0), axis=0)
    return (quaternions * signs[..., None]).astype(np.float32)


def _animation(buffer: _Buffer, model: SkinnedModel, motion: Motion) -> dict[str, Any]:
    """The motion as glTF's animation: a rotation a joint, and the pelvis' path."""
    times = buffer.accessor((np.arange(len(motion)) / motion.fps).astype(np.float32), bounded=True)
    rotations = joint_rotations(motion.pose)
    tracks = [("rotation", joint, rotations[:, joint]) for joint in range(len(JOINT_NAMES))]
    path = (motion.translation + model.rest_joints[0]).astype(np.float32)
    tracks.append(("translation", 0, path))
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []
    for name, joint, values in tracks:
        channels.append({"sampler": len(samplers), "target": {"node": joint, "path": name}})
        samplers.append(
            {"input": times, "output": buffer.accessor(values), "interpolation": "LINEAR"}
        )
    return {"name": motion.name, "samplers": samplers, "channels": channels}


def _joint_nodes(model: SkinnedModel) -> list[dict[str, Any]]:
    """Nodes 0 to 23: SMPL's joints, each where it rests beside its parent."""
    nodes: list[dict[str, Any]] = []
    for joint, (name, parent) in enumerate(zip(JOINT_NAMES, PARENTS)):
        offset = model.rest_joints[joint] - (model.rest_joints[parent] if parent >= 0 else 0)
        node: dict[str, Any] = {"name": name, "translation": [float(x) for x in offset]}
        children = [child for child, ancestor in enumerate(PARENTS) if ancestor == joint]
        nodes.append(node | ({"children": children} if children else {}))
    return nodes


def glb_bytes(
    model: SkinnedModel,
    texture: np.ndarray,
    motion: Motion | None = None,
    *,
    title: str = "body",
    generator: str = "SURREAL++",
    copyright_line: str = "",
    facts: dict[str, Any] | None = None,
) -> bytes:
    """A binary glTF of the model in its texture, and of a motion as its animation.

    Args:
        model: what is shown; its mean shape at rest in the T-pose.
        texture: (S, S, 3) RGB uint8, sRGB-encoded.
        motion: one key frame for each of its frames, at its frame rate.
        title: names the body's picture and material.
        generator: the program's name and version.
        copyright_line: on what terms the texture may be used.
        facts: written to the asset's extras.
    """
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.accessor(model.positions, bounded=True, target=_VERTICES),
        "NORMAL": buffer.accessor(model.normals, target=_VERTICES),
        # The one vertical flip of this file: glTF's v runs down the image.
        "TEXCOORD_0": buffer.accessor(
            np.stack([model.uv[:, 0], 1 - model.uv[:, 1]], axis=1), target=_VERTICES
        ),
        "JOINTS_0": buffer.accessor(model.joints, target=_VERTICES),
        "WEIGHTS_0": buffer.accessor(model.weights, target=_VERTICES),
    }
    indices = buffer.accessor(model.faces.reshape(-1), target=_INDICES)
    binds = np.tile(np.eye(4, dtype=np.float32), (len(JOINT_NAMES), 1, 1))
    binds[:, 3, :3] = -model.rest_joints  # glTF's matrices lie column by column
    bind_accessor = buffer.accessor(binds)
    animations = [] if motion is None else [_animation(buffer, model, motion)]
    encoded = cv2.imencode(".png", cv2.cvtColor(texture, cv2.COLOR_RGB2BGR))[1].tobytes()
    image = buffer.view(encoded)
    nodes = _joint_nodes(model)
    mesh_node = len(nodes)
    nodes.append({"name": "body", "mesh": 0, "skin": 0})
    asset: dict[str, Any] = {"version": "2.0", "generator": generator}
    if copyright_line:
        asset["copyright"] = copyright_line
    if facts:
        asset["extras"] = facts
    cloth = {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 0.9}
    primitive = {"attributes": attributes, "indices": indices, "material": 0}
    document: dict[str, Any] = {
        "asset": asset,
        "scene": 0,
        "scenes": [{"nodes": [mesh_node, 0]}],
        "nodes": nodes,
        "meshes": [{"name": "body", "primitives": [primitive]}],
        "skins": [
            {
                "name": "SMPL",
                "inverseBindMatrices": bind_accessor,
                "joints": list(range(len(JOINT_NAMES))),
                "skeleton": 0,
            }
        ],
        "materials": [{"name": title, "pbrMetallicRoughness": cloth}],
        "textures": [{"sampler": 0, "source": 0}],
        "samplers": [
            {"magFilter": _LINEAR, "minFilter": _MIPMAPS, "wrapS": _REPEAT, "wrapT": _REPEAT}
        ],
        "images": [{"name": title, "mimeType": "image/png", "bufferView": image}],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
    }
    if animations:
        document["animations"] = animations
    return _container(document, bytes(buffer.bytes))


def _container(document: dict[str, Any], content: bytes) -> bytes:
    """A header and two chunks, each padded to whole words of four bytes."""
    content += b"\0" * (-len(content) % 4)
    document["buffers"] = [{"byteLength": len(content)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = b"".join(
        struct.pack("<I4s", len(chunk), kind) + chunk
        for kind, chunk in ((_JSON, text), (_BIN, content))
    )
    return struct.pack("<4sII", _MAGIC, _VERSION, 12 + len(chunks)) + chunks


def write_glb(path: Path, content: bytes) -> None:
    """Write a binary glTF whole."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
