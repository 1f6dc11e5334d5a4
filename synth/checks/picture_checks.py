"""Checks of a clip's film against its labels and the pictures that went into it."""

from __future__ import annotations

from synth.checks import picture_figures
from synth.checks.check import Check, Figure
from synth.checks.clip_data import ClipData, required
from synth.scene.lights.registry import light_from_fields


def _film(data: ClipData) -> dict[str, float]:
    """The decoded film against the row and the pictures that went into it."""
    frames = required(data.frames)
    shape = (data.row.frames, data.row.height, data.row.width)
    figures = picture_figures.film_figures(
        frames, required(data.rate), shape=shape, fps=data.row.fps
    )
    if data.rendered is not None:
        figures |= picture_figures.compression_figures(frames, data.rendered)
    return figures


def _plate(data: ClipData) -> dict[str, float]:
    """The film against its backgrounds; nothing where it has other frames than the channels."""
    if not data.film_matches:
        return {}
    return picture_figures.plate_figures(
        required(data.frames), required(data.plates), required(data.mask)
    )


def _exposure(data: ClipData) -> dict[str, float]:
    """What cannot be seen of the body; nothing where the film has other frames than the channels.

    A light that leaves most of this side dark by SURREAL's law is not held to `body_black_though_lit`.
    """
    if not data.film_matches:
        return {}
    figures = picture_figures.exposure_figures(
        required(data.frames), required(data.mask), data.plates
    )
    light = light_from_fields(data.row.light)
    if figures and light.lit_shares([data.posed_clip.yaw])[0] >= 0.5:
        figures["body_black_though_lit"] = figures["body_black"]
    return figures


FILM = Check(
    name="film",
    needs=("frames", "rate"),
    measure=_film,
    figures=(
        Figure("film_frames_off", "frames that the film has too few or too many", limit=0.0),
        Figure("film_size_off", "the film's size differs from the planned one by", "px", limit=0.0),
        # 29.97 is no fraction of small numbers; good: 0
        Figure("film_fps_off", "the film's frames a second differ from the planned by", limit=0.01),
        # good: 3.9, H.264 at crf 23
        Figure("film_levels", "the film is off the pictures that went in by", "levels", limit=12.0),
        # good: 0
        Figure(
            "film_fits_otherwise",
            "the film fits the pictures better with red for blue, mirrored or a frame off, by",
            "levels",
            limit=0.1,
        ),
    ),
)

SILHOUETTE = Check(
    name="silhouette",
    needs=("silhouettes", "mask"),
    measure=lambda data: picture_figures.silhouette_figures(
        required(data.silhouettes), required(data.mask)
    ),
    figures=(
        Figure("silhouette_iou", "overlap of picture and mask", "%", worst="least"),
        # good: 0.09, at 25 m; of Cycles 0.076; shifted by 1 px, 9 clips: 0.27 to 0.8
        Figure(
            "silhouette_off",
            "picture and mask differ, for each pixel of outline, by",
            "px",
            limit=0.2,
        ),
        # good: 0.135, at 25 m; of Cycles 0.106
        Figure("silhouette_worst_off", "the same in the worst frame", "px", limit=0.25),
    ),
)

PLATE = Check(
    name="plate",
    needs=("frames", "plates", "mask"),
    measure=_plate,
    figures=(
        # good: 0
        Figure(
            "plate_fits_elsewhere", "the person fits the mask elsewhere better by", "%", limit=0.02
        ),
        # good: 7.5
        Figure(
            "plate_contrast",
            "difference from the background, mask to rest",
            worst="least",
            limit=1.5,
        ),
    ),
)

EXPOSURE = Check(
    name="exposure",
    needs=("frames", "mask"),
    measure=_exposure,
    figures=(
        # By SURREAL's law of light a person may be a silhouette, so this is shown and not held.
        Figure("body_black", "of the body seen, black", "%"),
        # good: 0.62 at an estimate of one half, 0.33 where `light.least` is 0.65; without any light 0.97
        Figure(
            "body_black_though_lit",
            "of the body seen, black in a light that reaches at least half of it",
            "%",
            limit=0.95,
        ),
        # good: 0.02
        Figure("body_white", "of the body seen, white", "%", limit=0.95),
        # good: 0.09
        Figure("body_blended", "of the body seen, in its background's colour", "%", limit=0.95),
    ),
)
