"""The verdict on a motion, and every limit on which it rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# All are faults of the motion but "retargeting", which is ours: the capture does not have it.
DEFECTS = ("flip", "truncated", "static", "speed", "retargeting", "floor", "skating", "crossing")


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every limit of a verdict, in one place. Degrees, metres, seconds.

    "Measured" says what 19 good captures of CMU (walks, runs, jumps, dances, swordplay, swimming;
    120 frames/s, 15,600 frames) reach at most, and what two captures with flipped thighs do.
    """

    # A joint turns by more than this from one frame to the next: 7200 degrees/s, more than the fastest
    # joint of any sport (a pitcher's shoulder), between 60 degrees (below which gimbal noise of the
    # twist of straight arms and of hands lives) and 120 (for low frame rates).
    # Measured at 120 frames/s: good 42 (a hand), flipped thighs 173 to 180.
    flip_speed: float = 7200.0
    flip_least: float = 60.0
    flip_most: float = 120.0
    # The same spread over some frames, as smoothing or resampling leaves it; legs and trunk only, where
    # no sport comes near (a kicking knee: 1700 degrees/s). Measured: good 42 in a twentieth of a
    # second, flipped 166 to 180.
    smeared_flip: float = 120.0
    smeared_seconds: float = 0.05

    # Frames that are lost: this many joints turn at once by much more than they do around that frame.
    # Measured: good 2, a tenth of a second cut out of a run 10 or more.
    gap_joints: int = 8
    gap_least: float = 8.0
    gap_ratio: float = 5.0
    # A pose held to the last digit this long inside a motion is no person but a filled gap: captures
    # are never still to a hundredth of a degree. Measured: good 0 frames.
    held_degrees: float = 0.001
    held_metres: float = 1e-6
    held_seconds: float = 0.25
    # Shorter than this is a scrap; the shortest motions of CMU are 0.6 s.
    least_seconds: float = 0.5

    # No joint wanders farther than this in the whole motion (5th to 95th percentile): a calibration
    # pose. People who are to stand still sway by 2 to 4 cm at the hands; idle ones move 10 and more.
    static_range: float = 0.05

    # Metres per second. The root: sprinters reach 12.4, nobody in a capture volume half of it; falls
    # and leaps stay under 7. Other joints are taken relative to the pelvis: fast kicks move the foot at
    # 20, pitches and punches the hand at 25. Measured: good 3.2 and 13.
    root_speed: float = 12.0
    middle_speed: float = 15.0  # trunk, head, hips, shoulders, elbows, knees
    end_speed: float = 30.0  # hands and feet

    # A joint of the body is this fast, and by this factor faster than the captured one around that
    # frame: retargeting made it so. A leg that is all but straight, whose knee goes aside by a change of
    # reach, comes to 6.3 m/s and 3. A thigh that snaps within a frame of a film: 23 m/s and 6.
    snap_speed: float = 10.0
    snap_factor: float = 3.0

    # The sole is below the floor by more than this for so long. Shoes and carpets give 1
    # to 2 cm. Measured: good 1 cm.
    floor_depth: float = 0.05
    floor_seconds: float = 0.1

    # No foot rests: for more than this share of the time in which a foot is on the floor, the slowest
    # point of both feet that touches it slides, faster than this and than a third of the body's own
    # pace (a runner's foot rolls through in three frames). Measured at 30 frames/s: good 0.1 (a
    # pirouette), walks and runs 0.05; BVH copies of walks on another skeleton 0.2; gliding 1. Skaters
    # do glide, and without their board it looks wrong.
    contact_height: float = 0.02
    slide_speed: float = 0.5
    slide_pace: float = 1 / 3
    slide_share: float = 0.35
    slide_contact_seconds: float = 0.5  # less contact than this says nothing

    # Limbs inside each other: share of the sum of their radii by which their axes come nearer than
    # touching (1: the axes meet), for so long. Arms against flesh reach 0.55. Measured: good 0.3 s
    # (02_07, a swordsman who crosses his arms, on a body with other arms than his).
    collision_depth: float = 0.7
    collision_seconds: float = 0.5

    # Within this of either end a defect costs at most two frames of a film: noted, not held against
    # the motion (CMU's 16_15 begins with two frames in which an arm is turned round).
    edge_seconds: float = 0.05


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Reason:
    """One defect of a motion: the worst frame of it, and the limit that it exceeds.

    defect: one of `DEFECTS`; joint: which joint or limb has it, "" for the whole body; frame: from 0,
    at the file's own rate; seconds: the same as time; value, limit: in `unit`.
    """

    defect: str
    joint: str
    frame: int
    seconds: float
    value: float
    limit: float
    unit: str

    def __str__(self) -> str:
        location = f"{self.joint}, " if self.joint else ""
        return (
            f"{self.defect}: {location}frame {self.frame} ({self.seconds:.2f} s): "
            f"{self.value:.3g} {self.unit}, limit {self.limit:.3g}"
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a motion is good, which it is without `reasons`.

    `notes` are defects at the very ends, which cost no more than two frames of a film.
    """

    reasons: tuple[Reason, ...]
    notes: tuple[Reason, ...] = ()

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with the motion but at its very ends."""
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        """Plain lists and dicts, for json.dump."""
        return {key: [asdict(r) for r in getattr(self, key)] for key in ("reasons", "notes")}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Verdict:
        """The verdict that `to_json` gave. Raises KeyError or TypeError for anything else."""
        return cls(*(tuple(Reason(**r) for r in fields[key]) for key in ("reasons", "notes")))
