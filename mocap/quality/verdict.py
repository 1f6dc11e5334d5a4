"""The verdict on a motion, and every limit on which it rests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# All are faults of the motion but "retargeting", which is ours: the capture does not have it.
DEFECTS = (
    "positions",
    "up axis",
    "flip",
    "truncated",
    "order",
    "static",
    "speed",
    "retargeting",
    "twist",
    "bend",
    "trunk",
    "floating",
    "floor",
    "skating",
    "crossing",
)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Every limit of a verdict, in one place. Degrees, metres, seconds.

    "Measured" says what 19 good captures of CMU (walks, runs, jumps, dances, swordplay, swimming;
    120 frames/s, 15,600 frames) reach at most, and what two captures with flipped thighs do. "CMU"
    says what the worst of the good takes of subjects 02, 06, 09, 11, 13, 16 and 49 reaches, then what
    the worst of those of 05, 08, 10, 12, 14 and 35 does. Limits were chosen on the first half; four have
    seen the second as well: `twist_shoulder`, `drift_speed`, `stander_tilt` and `rigid_spread`.
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
    # A slide counts in contacts that last this long; breaks of one or two frames do not end a contact.
    # A runner's foot is down for 0.1 to 0.2 s and rolls through: at 30 frames/s its slowest moment falls
    # between two frames (09_03: a share of 0.12 to 0.4 by which of four frames is the first).
    slide_phase_seconds: float = 0.25
    slide_break_seconds: float = 0.07

    # Limbs inside each other: share of the sum of their radii by which their axes come nearer than
    # touching (1: the axes meet), for so long. Arms against flesh reach 0.55. Measured: good 0.3 s
    # (02_07, a swordsman who crosses his arms, on a body with other arms than his).
    collision_depth: float = 0.7
    collision_seconds: float = 0.5

    # How far a joint turns about its bone, degrees either way, for so long. A hip does 45 to 60 (dancers
    # 90), a bent knee 40, neck and head together 90, a forearm 90, each of SMPL's three spine joints 20.
    # Arms are counted from the T-pose, whence an upper arm's twist depends on the way it took.
    # CMU: hip 58, knee 12, ankle 37, spine 21, neck 60, shoulder 85, elbow 47, wrist 47; 60, 10, 31, 24,
    # 35, 133, 85, 80. Wrung by 170 degrees, the least: hip and knee 169, spine 168, neck 163, elbow 161,
    # shoulder 130 (short runs; the next 140), medians 172 to 178. The shoulder's limit lies just above
    # the 133 of 05_03, which is in the second half.
    twist_hip: float = 110.0
    twist_knee: float = 70.0
    twist_ankle: float = 80.0
    twist_spine: float = 60.0
    twist_neck: float = 90.0
    twist_collar: float = 60.0
    twist_shoulder: float = 138.0
    twist_elbow: float = 120.0
    twist_wrist: float = 120.0
    twist_seconds: float = 0.1
    twist_shoulder_seconds: float = 0.25

    # How far a joint bends away from rest, degrees; a knee to the front or to a side.
    # CMU: spine 53, neck 73, ankle 59, wrist 77, knee 2 and 7; 30, 43, 78, 81, 2 and 7.
    bend_spine: float = 80.0
    bend_neck: float = 100.0
    bend_collar: float = 90.0
    bend_ankle: float = 110.0
    bend_wrist: float = 130.0
    bend_knee_forward: float = 35.0
    bend_knee_aside: float = 50.0
    bend_seconds: float = 0.1

    # The trunk leans this far from upright and the centre of mass lies this far, over the floor, beside
    # the nearest limb that bears, for more than this share of the time: nobody does so without a fall.
    # What is within the given height of the body's lowest point bears, on the floor or on a ladder. Who
    # sits on a chair that is not captured is upright. CMU: 0; 0.
    lean_angle: float = 45.0
    lean_metres: float = 0.4
    lean_share: float = 0.5
    bearing_height: float = 0.15

    # Some point of the body is within this height of the floor for at least this share of the time.
    # CMU: 0.27 (a ladder); 0.37. Lifted by half a metre: 0.
    floating_height: float = 0.08
    floating_share: float = 0.05
    # Feet that rest on a spot do not rise or sink: median speed, m/s, over at least so many seconds
    # in which the lower foot moves less than `planted_speed` over the floor.
    # CMU: 0.02; 0.02; at 15 frames/s 0.058 (08_06, before two frames were the least). With 0.1 m/s
    # added: 0.086 and more, short runs aside, whose feet never rest.
    drift_speed: float = 0.06
    drift_seconds: float = 1.0
    planted_speed: float = 0.2

    # A stander's pose: trunk and legs within this angle of one direction and the flatter sole square to
    # it, for at least this share of the time. The direction is so far from y, and along y, soles and
    # all, it stands for at most that share: the world's up axis is not what its reader took it for. Who
    # lies points the feet; who crawls, sits or turns over is no stander.
    # CMU: 16 degrees (a dribble sideways); 11.
    stander_angle: float = 40.0
    stander_sole_angle: float = 25.0
    stander_share: float = 0.5
    stander_tilt: float = 28.0
    upright_share: float = 0.1

    # Rotations that are positions of joints: taken as such, they leave this share of the bones that
    # move their length, but for this part of the movement, out of so many at least.
    # CMU: 0.17 of the bones; 0.17. Positions of the same motions: 1.0.
    rigid_share: float = 0.75
    rigid_spread: float = 0.15
    rigid_least: int = 6

    # Of the way that a joint goes in two frames it goes this much in one, the median of the joints that
    # move this far from frame to frame, metres: 0.5 in smooth motion, 1 in shuffled frames. Frames that
    # are this far apart say nothing.
    # CMU: 0.53; 0.51. The same motions with their frames shuffled: 0.79 and more.
    order_ratio: float = 0.72
    order_step: float = 0.02
    order_joints: int = 3
    order_fps: float = 12.0

    # Within this of either end a defect costs at most two frames of a film: noted, not held against
    # the motion (CMU's 16_15 begins with two frames in which an arm is turned round).
    edge_seconds: float = 0.05


THRESHOLDS = Thresholds()


@dataclass(frozen=True)
class Reason:
    """One defect of a motion: the worst frame of it, and the limit that it exceeds.

    defect: one of `DEFECTS`; joint: which joint or limb has it, "" for the whole body; frame: from 0,
    at the file's own rate; seconds: the same as time; value, limit: in `unit`; advice: what to do
    about it, "" where leaving the motion out is all.
    """

    defect: str
    joint: str
    frame: int
    seconds: float
    value: float
    limit: float
    unit: str
    advice: str = ""

    def __str__(self) -> str:
        location = f"{self.joint}, " if self.joint else ""
        advice = f"; {self.advice}" if self.advice else ""
        return (
            f"{self.defect}: {location}frame {self.frame} ({self.seconds:.2f} s): "
            f"{self.value:.3g} {self.unit}, limit {self.limit:.3g}{advice}"
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
