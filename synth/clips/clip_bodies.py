"""The bodies of published clips, loaded once per process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mocap.bodies.body import Body
from mocap.bodies.loading import BodySource
from mocap.bodies.skinning import Skinning
from mocap.errors import BadInput
from synth.clips.clip_info import versions_of


class FilmBodies:
    """Bodies by gender, each with its skinning."""

    def __init__(self, source: BodySource):
        self._source = source
        self._loaded: dict[str, tuple[Body, Skinning]] = {}

    def load(self, gender: str) -> tuple[Body, Skinning]:
        """The body of a gender. Raises BadInput for one that cannot be loaded."""
        if gender not in self._loaded:
            body = self._source.load(gender)
            self._loaded[gender] = body, Skinning(body)
        return self._loaded[gender]

    def load_for_clip(
        self, genders: Sequence[str], info: dict[str, Any], stem: object
    ) -> list[tuple[Body, Skinning]]:
        """The bodies that a clip's people were made with, for its `_info.mat`, which names the first's.

        Raises BadInput where it was made with another one than is loaded here.
        """
        bodies = [self.load(gender) for gender in genders]
        body, _ = bodies[0]
        versions = versions_of(info, stem)
        if versions.body != body.name:
            raise BadInput(
                f"{stem}_info.mat: made with the body {versions.body}, found {body.name}; give --body "
                "(and --uv) as when it was rendered"
            )
        build = versions.body_build or body.build
        if build != body.build:
            raise BadInput(
                f"{stem}_info.mat: made with build {build} of the body {body.name}, found build "
                f"{body.build}; take the body file or the release of surrealpp ({versions.surrealpp}) "
                "that made it, or render the clip again"
            )
        return bodies
