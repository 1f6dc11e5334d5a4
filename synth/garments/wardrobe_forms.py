"""A body prepared for its garments: slices, lofts and surface samples, built once per process."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags, identity

from mocap.bodies.body import JOINT_NAMES, Body
from synth.garments.lofts import Loft, make_loft
from synth.garments.patches import Patch, renumbered
from synth.garments.skin_samples import SkinSamples
from synth.garments.slices import Slices, body_edges, plane_slices
from textures.wardrobe.body_texels import arm_coordinate

RING = 0.02  # metres between the rings of a loft
JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}
_UP, _AHEAD = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class WardrobeForms:
    """What making garments needs of a body.

    Attributes:
        body: The body.
        joints: Rest joints by name, metres.
        arm: (V,), 0 at the shoulder, 0.5 at the elbow, 1 at the wrist, -1 on the trunk.
        smoothing: (V,V) sparse, averages values over neighbours.
        cloth: The skin but for head, hands and feet: position, 24 weights, the template's height, arm
            and depth (z).
        cloth_vertices: Which of the body's vertices the cloth's are.
        scalp: The same of the head above the nape.
        scalp_vertices: Which of the body's vertices the scalp's are.
        samples: Of the surface.
        trunk: Loft from below the arms to above the ankles.
        hair: Loft about the back of the head, the neck and the back, open in front.
        shoes: Lofts about the left and the right foot, from the heel to the toes.
        straps: Slices (2 each) by side: "backpack" over a shoulder, "shoulder bag" from the shoulder
            of that side to the other hip.
    """

    body: Body
    joints: dict[str, np.ndarray]
    arm: np.ndarray
    smoothing: csr_matrix
    cloth: Patch
    cloth_vertices: np.ndarray
    scalp: Patch
    scalp_vertices: np.ndarray
    samples: SkinSamples
    trunk: Loft
    hair: Loft
    shoes: tuple[Loft, Loft]
    straps: dict[tuple[str, int], Slices]

    def joint(self, name: str) -> np.ndarray:
        """Rest position (3,) of a joint."""
        return self.joints[name]


def horizontal_directions(count: int, start: float = 0.0, stop: float = 2 * np.pi) -> np.ndarray:
    """Horizontal unit vectors (count,3); angle 0 is ahead (+z), a quarter turn the left (+x)."""
    full = stop - start > 6.28
    angle = np.linspace(start, stop, count, endpoint=not full)
    return np.stack([np.sin(angle), np.zeros(count), np.cos(angle)], 1)


def prepare_forms(body: Body) -> WardrobeForms:
    """Prepare a body for its garments."""
    template = body.template.astype(np.float64)
    joints = dict(zip(JOINT_NAMES, body.rest_joints.astype(float)))
    arm = arm_coordinate(template, joints)
    edges = body_edges(body)
    count = len(template)
    links = coo_matrix((np.ones(len(edges)), tuple(edges.T)), (count, count))
    links = (links + links.T + identity(count)).tocsr()
    smoothing = diags(1 / np.asarray(links.sum(1)).ravel()) @ links
    lines = np.stack([template[:, 1], arm, template[:, 2]], 1)
    values = np.concatenate([template, body.weights, lines], 1)
    skin = Patch(
        values.astype(np.float32), body.faces, body.uv, body.mesh.uv_faces, body.face_parts
    )
    height = template[:, 1][body.faces]
    ankle, head_base = joints["left_ankle"][1], joints["head"][1] - 0.13
    clothed = ~body.head_faces & ~body.hand_faces & (height.max(1) > ankle - 0.03)
    cloth, cloth_vertices = skin.select(clothed), renumbered(body.faces[clothed], count)[0]
    hairy = body.head_faces & (height.max(1) > head_base)
    hairy &= ~(
        (template[:, 2][body.faces].min(1) > joints["head"][2] + 0.06)
        & (height.max(1) < joints["head"][1] + 0.05)
    )
    scalp, scalp_vertices = skin.select(hairy), renumbered(body.faces[hairy], count)[0]
    samples = SkinSamples(body)
    limbs = body.weights[:, [JOINT[n] for n in JOINT if _of_arm(n)]].sum(1) < 0.3
    head = body.weights[:, JOINT["head"]] > 0.5
    allowed = limbs & ~head & (template[:, 1] < joints["neck"][1])
    top = joints["left_shoulder"][1] - 0.09
    level = np.arange(top, joints["left_ankle"][1] + 0.07, -RING)
    sample_arm = arm_coordinate(samples.position, joints)
    trunk = make_loft(
        plane_slices(template, edges, [_UP] * len(level), level, allowed),
        horizontal_directions(32),
        None,
        level,
        template,
        samples,
        allowed=(sample_arm < 0) & (samples.position[:, 1] < joints["neck"][1]),
    )
    return WardrobeForms(
        body=body,
        joints=joints,
        arm=arm,
        smoothing=smoothing.tocsr(),
        cloth=cloth,
        cloth_vertices=cloth_vertices,
        scalp=scalp,
        scalp_vertices=scalp_vertices,
        samples=samples,
        trunk=trunk,
        hair=_hair_loft(template, edges, joints, limbs, samples),
        shoes=(
            _shoe_loft(template, edges, joints, samples, 1),
            _shoe_loft(template, edges, joints, samples, -1),
        ),
        straps=_straps(template, edges, joints, allowed | (limbs & ~head)),
    )


def _of_arm(name: str) -> bool:
    return any(word in name for word in ("shoulder", "elbow", "wrist", "hand"))


def _hair_loft(
    template: np.ndarray,
    edges: np.ndarray,
    joints: dict[str, np.ndarray],
    limbs: np.ndarray,
    samples: SkinSamples,
) -> Loft:
    head = joints["head"]
    crown = template[:, 1].max()
    level = np.arange(crown - 0.03, joints["spine2"][1] + 0.04, -RING)
    neck = head[1] - 0.06
    masks = [limbs & ((np.abs(template[:, 0]) < 0.085) | (y > neck)) for y in level]
    return make_loft(
        plane_slices(template, edges, [_UP] * len(level), level, np.stack(masks)),
        horizontal_directions(19, np.pi - 2.1, np.pi + 2.1),
        JOINT["neck"],
        level,
        template,
        samples,
        closed=False,
        allowed=samples.position[:, 2] < head[2] + 0.04,
    )


def _shoe_loft(
    template: np.ndarray,
    edges: np.ndarray,
    joints: dict[str, np.ndarray],
    samples: SkinSamples,
    side: int,
) -> Loft:
    ankle = joints["left_ankle"]
    foot = (template[:, 0] * side > 0) & (template[:, 1] < ankle[1] + 0.005)
    back, front = template[foot, 2].min(), template[foot, 2].max()
    level = np.linspace(back + 0.006, front - 0.006, 13)
    angle = np.linspace(0, 2 * np.pi, 14, endpoint=False) * side
    # Rings go forward; seen from behind the columns run anticlockwise.
    directions = np.stack([np.sin(-angle) * side, np.cos(angle), np.zeros(14)], 1)
    directions = directions * (side, 1, 1) if side < 0 else directions
    return make_loft(
        plane_slices(template, edges, [_AHEAD] * 13, level, foot),
        directions,
        JOINT["left_ankle" if side > 0 else "right_ankle"],
        level,
        template,
        samples,
        allowed=samples.position[:, 0] * side > 0,
    )


def _straps(
    template: np.ndarray, edges: np.ndarray, joints: dict[str, np.ndarray], allowed: np.ndarray
) -> dict[tuple[str, int], Slices]:
    chest, neck, hip = joints["spine3"], joints["neck"], joints["left_hip"]
    straps = {}
    for side in (1, -1):
        across = np.array([side, 0.0, 0.0])
        trunk = allowed & (template[:, 1] > chest[1] - 0.03)
        straps["backpack", side] = plane_slices(
            template, edges, [across, across], (0.088, 0.118), trunk
        )
        line = np.array([side * 0.10, neck[1] - 0.04]) - (-side * 0.17, hip[1] + 0.02)
        normal = np.array([line[1], -line[0], 0.0]) / np.linalg.norm(line)
        middle = normal @ (side * 0.10, neck[1] - 0.04, 0.0)
        trunk = allowed & (template[:, 1] > hip[1]) & (template[:, 1] < neck[1] + 0.02)
        straps["shoulder bag", side] = plane_slices(
            template, edges, [normal, normal], (middle - 0.016, middle + 0.016), trunk
        )
    return straps
