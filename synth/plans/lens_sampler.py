"""The faults of a clip's camera, drawn from the ranges of a preset."""

from __future__ import annotations

import numpy as np

from synth.plans.preset import LensRanges
from synth.scene.lens.lens import Lens


def draw_lens(rng: np.random.Generator, ranges: LensRanges) -> Lens:
    """A lens drawn from the ranges of a preset; everything is drawn whatever the ranges are.

    Args:
        rng: of the clip's lens alone, so that nothing else of a clip depends on it.
        ranges: of the preset.
    """
    strengths = {
        name: float(rng.uniform(*getattr(ranges, name)))
        for name in (
            *("shutter", "defocus", "backdrop_defocus"),
            *("exposure", "shot_noise", "read_noise"),
        )
    }
    codecs = sorted(ranges.codecs)
    shares = np.array([ranges.codecs[name] for name in codecs])
    codec = codecs[int(rng.choice(len(codecs), p=shares / shares.sum()))]
    qualities = {
        name: int(rng.integers(getattr(ranges, name)[0], getattr(ranges, name)[1] + 1))
        for name in ("jpeg", "h264")
    }
    return Lens(
        **strengths,
        jpeg=qualities["jpeg"] if codec == "jpeg" else 0,
        h264=qualities["h264"] if codec == "h264" else 0,
        sharp=ranges.sharp,
    )
