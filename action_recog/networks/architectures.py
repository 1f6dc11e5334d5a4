"""What a network is built as: its depth, the places of its non-local blocks, and its conventions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from action_recog.networks.nonlocal_block import Pairwise

Trunk = Literal["c2d", "i3d"]
Positions = tuple[tuple[int, int], ...]

# depth -> (bottleneck?, residual blocks in res2..res5, channels of the stem of the named network)
DEPTHS: dict[int, tuple[bool, tuple[int, int, int, int], int]] = {
    10: (False, (1, 1, 1, 1), 16),  # ours, for two cores
    18: (False, (2, 2, 2, 2), 64),
    34: (False, (3, 4, 6, 3), 64),
    50: (True, (3, 4, 6, 3), 64),
    101: (True, (3, 4, 23, 3), 64),
}


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """In what implementations of the same paper differ, beyond the names of their parameters.

    `time_stride` is the stride in time of the stem and of the first pooling; None takes 2 for clips of
    32 frames and more, else 1. `pool1_spans_stride` pools as many frames as it strides, else one.
    `pool1_padding` pads the first pooling in space; `pool2` halves the time after res2; `ceil_pools`
    keeps an odd last frame, row or column. `scale` and `pool_projections` are those of
    `NonLocalBlock`.
    """

    time_stride: int | None = None
    pool1_spans_stride: bool = True
    pool1_padding: bool = True
    pool2: bool = True
    ceil_pools: bool = True
    scale: bool = True
    pool_projections: bool = False


# Name -> conventions of networks whose published weights can be read. "paper" is what we train.
CONVENTIONS: dict[str, Conventions] = {
    "paper": Conventions(),
    # facebookresearch/video-nonlocal-net: resnet_video.py and resnet_video_org.py
    "video-nonlocal-net": Conventions(time_stride=1, pool1_padding=False, ceil_pools=False),
    "video-nonlocal-net-org": Conventions(time_stride=2, pool1_padding=False, ceil_pools=False),
    # facebookresearch/SlowFast: architectures i3d and c2d, and those of their names with _nopool
    "pyslowfast": Conventions(time_stride=1, ceil_pools=False),
    "pyslowfast-nopool": Conventions(time_stride=1, ceil_pools=False, pool2=False),
    # facebookresearch/pytorchvideo: hub models i3d_r50 and c2d_r50
    "pytorchvideo": Conventions(time_stride=1, ceil_pools=False),
    # open-mmlab/mmaction2: backbones ResNet3d as configured for I3D, and C2D
    "mmaction2": Conventions(
        time_stride=2,
        pool1_spans_stride=False,
        ceil_pools=False,
        scale=False,
        pool_projections=True,
    ),
    "mmaction2-c2d": Conventions(time_stride=1, pool1_padding=False, ceil_pools=False),
}


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything that a network's name says of it.

    `positions` are the non-local blocks as (stage, index): after residual block `index`, from 0, of
    stage res2 to res5.
    """

    trunk: Trunk
    depth: int
    pairwise: Pairwise | None = None
    positions: Positions = field(default=())
    conventions: Conventions = field(default_factory=Conventions)


def block_positions(depth: int, count: int = 5) -> Positions:
    """Place non-local blocks as the paper and its code do (section 4.1, table 2c).

    Five are two in res3 and three in res4: every second residual block of ResNet-50, and blocks 6, 13
    and 20 of ResNet-101's res4, as the authors' code has it. Ten are every block of res3 and six of
    res4, evenly spread where it has more. A small trunk has as many as its res3 and res4 allow.

    Args:
        depth: 10, 18, 34, 50 or 101.
        count: 5 or 10.

    Returns:
        (Stage, index) of every block, in the order in which a clip meets them.

    Raises:
        ValueError: For another depth or count.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth is one of {sorted(DEPTHS)}, not {depth}")
    if count not in (5, 10):
        raise ValueError(f"{count} non-local blocks: give 5 or 10, or their places as 3.1,4.5")
    positions = []
    for stage, blocks in ((3, 4), (4, 6)):
        available = DEPTHS[depth][1][stage - 2]
        number = min(blocks if count == 10 else blocks // 2, available)
        if count == 5 and available < blocks:
            number = max(available // 2, 1)
        positions += [(stage, (available * (i + 1)) // number - 1) for i in range(number)]
    if depth == 101 and count == 5:
        positions[2:] = [(4, 6), (4, 13), (4, 20)]
    return tuple(positions)


def check_positions(depth: int, positions: Positions) -> None:
    """Raise a ValueError that names the first position that ResNet-`depth` does not have."""
    for stage, index in positions:
        blocks = DEPTHS[depth][1][stage - 2] if 2 <= stage <= 5 else 0
        if not 0 <= index < blocks:
            raise ValueError(
                f"non-local block {stage}.{index}: ResNet-{depth} has "
                + ", ".join(f"{s}.0 to {s}.{n - 1}" for s, n in enumerate(DEPTHS[depth][1], 2))
            )
    if len(set(positions)) != len(positions):
        raise ValueError(f"a non-local block is given twice among {positions}")


_KINDS: dict[str, Pairwise] = {
    "nl": "embedded",
    "nl_gaussian": "gaussian",
    "nl_dot": "dot",
    "nl_concatenation": "concatenation",
}
_NAME = re.compile(
    r"(?P<trunk>c2d|i3d)"
    r"(-(?P<kind>nl(_gaussian|_dot|_concatenation)?)(=(?P<blocks>[0-9.,]+))?)?"
    r"-r(?P<depth>\d{1,4})(@(?P<conventions>[a-z0-9-]+))?"
)


def parse_architecture(name: str) -> Architecture:
    """Read the name of a network, such as `c2d-nl-r10` or `i3d-nl_dot=3.1,4.5-r50@mmaction2`.

    Args:
        name: `{c2d|i3d}[-nl|-nl_gaussian|-nl_dot|-nl_concatenation][=BLOCKS]-r{10|18|34|50|101}`,
            then `@` and one of `CONVENTIONS` where they are not the paper's. BLOCKS is 5 (the
            default) or 10, or places as stage.index, with commas: 3.1 is after block 1 of res3.

    Raises:
        ValueError: For another name.
    """
    match = _NAME.fullmatch(name.lower())
    if match is None or int(match["depth"]) not in DEPTHS:
        raise ValueError(
            f"unknown network {name!r}: expected trunk[-nl]-depth, as c2d-nl-r10, i3d-nl-r50, "
            f"i3d-nl_dot=3.1,4.5-r101 or c2d-r18; depths are {sorted(DEPTHS)}"
        )
    depth, blocks = int(match["depth"]), match["blocks"] or "5"
    conventions = match["conventions"] or "paper"
    if conventions not in CONVENTIONS:
        raise ValueError(f"{name!r}: after @ comes one of {', '.join(CONVENTIONS)}")
    positions: Positions = ()
    if match["kind"] and blocks.isdigit():
        positions = block_positions(depth, int(blocks))
    elif match["kind"]:
        if not re.fullmatch(r"\d{1,3}\.\d{1,3}(,\d{1,3}\.\d{1,3})*", blocks):
            raise ValueError(
                f"{name!r}: expected 5, 10 or places as 3.1,4.5 after =, found {blocks!r}"
            )
        pairs = (position.split(".") for position in blocks.split(","))
        positions = tuple(sorted((int(stage), int(index)) for stage, index in pairs))
    check_positions(depth, positions)
    trunks: dict[str, Trunk] = {"c2d": "c2d", "i3d": "i3d"}
    return Architecture(
        trunk=trunks[match["trunk"]],
        depth=depth,
        pairwise=_KINDS[match["kind"]] if match["kind"] else None,
        positions=positions,
        conventions=CONVENTIONS[conventions],
    )
