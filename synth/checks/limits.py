"""What the checks let pass, and what was measured on good clips.

Measured over 54 clips of 320x240, 1919 frames: of the raster engine 12 with a still camera, 12 with
cameras that pan, orbit, drive and shake, in compact files, 8 of those from up to 25 m, 8 from 4 m and 8
at 15 frames a second, people walking out of the frame; and 6 of Cycles in sunlight and in harmonics.
Numbers behind "good" are the worst of them. The limits were chosen with these clips in view: no others
were held back to say how often a good clip fails.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """A limit for each figure of that name (``synth.checks.clip_checks``); shares are of 1."""

    # The plan and its cameras
    rows_differ: float = 0.0
    wrong_shapes: float = 0.0
    rotation_determinant: float = 1e-6  # good: 7e-16; a mirrored camera: 2
    rotation_orthonormality: float = 1e-6  # good: 6e-16
    intrinsics_px: float = 1e-6  # good: 0
    # Joints
    joints2d_px: float = 0.01  # good: 1.7e-5, float32; rounded to pixels: 0.7
    joints3d_m: float = 0.001  # good: 0, of the same program; float32 elsewhere: 1e-6
    joints_camera_m: float = 0.001  # good: 9.5e-7
    inside_wrong: float = 0.0
    visible_outside: float = 0.0
    joints_outside: float = 0.0  # of a framed clip
    frames_without_body: float = 0.0  # of a framed clip
    joint_on_other_limb: float = 0.05  # good: 0.0023, from 25 m
    flesh_m: float = 0.35  # metres of flesh before a joint; good: no visible joint has as much
    joint_off_surface: float = 0.05  # good: 0.012
    # Dense channels
    support_wrong: float = 0.0
    beside_mask: float = 0.0
    part_of_other_face: float = 0.0
    uv_off_face: float = 0.01  # good: 6e-5, compact; texture upside down: 0.9
    surface_px: float = 0.1  # good: 2e-5, compact 0.0095
    surface_depth_m: float = 0.002  # good: 7e-7, compact 1.7e-4
    normals_away: float = 0.02  # good: 0.0014, smooth normals that lean past an outline
    normals_length: float = 0.001  # good: 5e-8
    normals_slope_degrees: float = 8.0  # good: 4.3, from 25 m; from 8 m 1.9
    tracks2d_px: float = 0.05  # good: 2e-5, compact 0.013
    tracks3d_m: float = 0.001  # good: 9e-8, compact 1.1e-4
    tracks_off_surface: float = 0.15  # good: 0.063, limbs narrower than a pixel's neighbourhood
    # Flow. Where occlusion is not stored, occluded points (good: up to 4 %) count as seen.
    flow_beyond_end_px: float = 0.01  # good: 0
    flow_cycle_median_px: float = 0.1  # good: 0.021, from 25 m
    flow_cycle_off: float = 0.1  # good: 0.0017
    flow_onto_other_part: float = 0.1  # good: 0.044, at 15 frames a second
    flow_point_median_m: float = 0.005  # good: 4.4e-4; a pixel is 13 mm
    flow_point_off: float = 0.1  # good: 5.8e-4
    occluded: float = 0.5  # good: 0.039
    occluded_but_seen: float = 0.6  # good: 0.27, pixels on outlines
    # Of 42 clips with people of 600 pixels and more: one dancer at 25 m, 40 pixels tall, had 1.39 from
    # cloth finer than a pixel, and is why smaller people are left out.
    warp_gain: float = 1.0  # good: 0.46; flow that makes the next frame less alike: above 1
    warp_beaten: float = 0.05  # good: 0
    # The film
    film_frames_off: float = 0.0
    film_size_off: float = 0.0
    film_fps_off: float = 0.01  # 29.97 is no fraction of small numbers; good: 0
    film_levels: float = 12.0  # good: 3.9, H.264 at crf 23
    film_fits_otherwise: float = 0.1  # good: 0
    silhouette_off: float = (
        0.2  # good: 0.09, at 25 m; of Cycles 0.076; shifted by 1 px, 9 clips: 0.27 to 0.8
    )
    silhouette_worst_off: float = 0.25  # good: 0.135, at 25 m; of Cycles 0.106
    plate_fits_elsewhere: float = 0.02  # good: 0
    plate_contrast: float = 1.5  # good: 7.5
    # Against the same channels computed again
    other_values: float = 0.005  # good: 0, on the machine that rendered


LIMITS = Limits()
