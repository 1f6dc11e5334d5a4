"""Everything that a body holds, under one name each."""

from __future__ import annotations

from mocap.bodies.body import Body


def contents(body: Body) -> dict[str, object]:
    """The fields of a body, of its mesh and the mesh's face groups."""
    members = vars(body) | vars(body.mesh) | dict(body.mesh.face_groups)
    return {name: member for name, member in members.items() if name not in ("mesh", "face_groups")}
