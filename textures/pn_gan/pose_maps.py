"""OpenPose's 18 joints of a person, and the picture of them that PN-GAN's generator is given.

The order is COCO's as OpenPose writes it. Photographs are labelled with fewer joints, and differently:
shoulders and hips are where people click (the shoulder's top, the hip's crest), the neck is the middle of
the shoulders where no source tells it. Nose, eyes and ears come from a source that sees them; where none
does they are put on the line from neck to head top, the ears to the sides on which the shoulders are.
Eyes always lie between nose and ear. A person seen from behind has neither nose nor eyes, as OpenPose
answers: this is what tells a back from a front.
"""

from __future__ import annotations

import cv2
import numpy as np

from textures.body_fit.fit_scores import SIDE_VIEW
from textures.evidence.landmarks import INDEX

COCO_JOINTS = (
    *("nose", "neck", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_shoulder", "left_elbow", "left_wrist", "right_hip", "right_knee", "right_ankle"),
    *("left_hip", "left_knee", "left_ankle", "right_eye", "left_eye", "right_ear", "left_ear"),
)
COCO_INDEX = {name: index for index, name in enumerate(COCO_JOINTS)}
LIMBS: tuple[tuple[int, int], ...] = (
    *((1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10)),
    *((1, 11), (11, 12), (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17)),
)
"""OpenPose's 17 limbs between its 18 joints."""
COLOURS = np.array(
    [
        *((255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0)),
        *((0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255)),
        *((0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85)),
    ],
    np.uint8,
)
"""OpenPose's colours: limb i and joint i have colour i."""
LEAST_JOINTS = 8
LANDMARK_SOURCES: dict[str, tuple[str, ...]] = {
    **{
        f"{side}_{name}": (f"{side}_{first}", f"{side}_{second}")
        for side in ("left", "right")
        for name, first, second in (
            ("shoulder", "acromion", "shoulder"),
            ("hip", "iliac_crest", "hip"),
        )
    },
    **{
        f"{side}_{name}": (f"{side}_{name}",)
        for side in ("left", "right")
        for name in ("elbow", "wrist", "knee", "ankle", "ear")
    },
    "nose": ("nose",),
    "neck": ("neck",),
}
# Of the way from neck to head top, on people of Market-1501 seen from the front.
_NOSE_HEIGHT, _EAR_HEIGHT, _EAR_WIDTH = 0.5, 0.55, 0.24
_EYE_SHARE, _EYE_HEIGHT = 0.45, 0.09
_FRONT_WIDTH = 1.3  # of that way, the shoulders of a person seen from the front


def coco_joints(landmarks: np.ndarray, confidence: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The 18 joints of N crops.

    Args:
        landmarks: (N,L,2) pixels of the crops, as evidence gives them.
        confidence: (N,L), 0 where a landmark is unknown.
        heights: (N,) of the crops, pixels.

    Returns:
        (N,18,3) float32: pixels x and y, and a confidence, 0 for a joint that is unknown or not seen.
    """
    joints = np.zeros((len(landmarks), len(COCO_JOINTS), 3), np.float32)
    for name, sources in LANDMARK_SOURCES.items():
        for source in reversed(sources):
            labelled = confidence[:, INDEX[source]] > 0
            joints[labelled, COCO_INDEX[name], :2] = landmarks[labelled, INDEX[source]]
            joints[labelled, COCO_INDEX[name], 2] = confidence[labelled, INDEX[source]]
    left, right = (joints[:, COCO_INDEX[f"{side}_shoulder"]] for side in ("left", "right"))
    shoulders = np.minimum(left[:, 2], right[:, 2])
    middle = np.column_stack([(left[:, :2] + right[:, :2]) / 2, shoulders])
    _fill(joints, "neck", middle)
    across = np.where(shoulders > 0, left[:, 0] - right[:, 0], 0)
    top = INDEX["head_top"]
    _add_head(joints, landmarks[:, top], confidence[:, top], across)
    away = across < -SIDE_VIEW * np.asarray(heights)
    for name in ("nose", "left_eye", "right_eye"):
        joints[away, COCO_INDEX[name], 2] = 0
    joints[joints[:, :, 2] == 0] = 0
    return joints


def _fill(joints: np.ndarray, name: str, values: np.ndarray) -> None:
    """Take (N,3) values for a joint where no source tells it."""
    unknown = joints[:, COCO_INDEX[name], 2] == 0
    joints[unknown, COCO_INDEX[name]] = values[unknown]


def _add_head(joints: np.ndarray, top: np.ndarray, certain: np.ndarray, across: np.ndarray) -> None:
    neck = joints[:, COCO_INDEX["neck"]]
    axis = top - neck[:, :2]
    length = np.linalg.norm(axis, axis=1, keepdims=True).clip(1e-6)
    confidence = np.minimum(certain, neck[:, 2])
    _fill(joints, "nose", np.column_stack([neck[:, :2] + _NOSE_HEIGHT * axis, confidence]))
    # To the left shoulder's side, by as much as the shoulders are turned to the camera.
    turned = np.clip(across[:, None] / (_FRONT_WIDTH * length), -1, 1)
    sideways = np.column_stack([-axis[:, 1], axis[:, 0]]) * turned * _EAR_WIDTH
    for side, sign in (("left", 1.0), ("right", -1.0)):
        ear = neck[:, :2] + _EAR_HEIGHT * axis + sign * sideways
        _fill(joints, f"{side}_ear", np.column_stack([ear, confidence]))
        nose, ears = joints[:, COCO_INDEX["nose"]], joints[:, COCO_INDEX[f"{side}_ear"]]
        upwards = np.where(confidence[:, None] > 0, _EYE_HEIGHT * axis, 0)
        eye = nose[:, :2] + _EYE_SHARE * (ears[:, :2] - nose[:, :2]) + upwards
        joints[:, COCO_INDEX[f"{side}_eye"]] = np.column_stack(
            [eye, np.minimum(nose[:, 2], ears[:, 2])]
        )


def usable_poses(joints: np.ndarray) -> np.ndarray:
    """Which of N poses (N,18,3) have shoulders, hips and at least LEAST_JOINTS joints (N,) bool."""
    trunk = [COCO_INDEX[f"{s}_{n}"] for s in ("left", "right") for n in ("shoulder", "hip")]
    visible = joints[:, :, 2] > 0
    return visible[:, trunk].all(1) & (visible.sum(1) >= LEAST_JOINTS)


def unit_poses(joints: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Poses (N,18,3) in shares of the crops' heights and widths.

    Args:
        joints: (N,18,3) pixels and confidences.
        sizes: (N,2) heights and widths, pixels.
    """
    sizes = np.asarray(sizes, np.float32)
    scale = np.column_stack([sizes[:, 1], sizes[:, 0], np.ones(len(sizes))])
    return (joints / scale[:, None]).astype(np.float32)


def pose_image(pose: np.ndarray, height: int, width: int) -> np.ndarray:
    """A pose (18,3) in shares as a picture (H,W,3) uint8 RGB: limbs and joints on black.

    The colour of a limb says which it is. The later of two that cross lies above.
    """
    image = np.zeros((height, width, 3), np.uint8)
    thickness = max(1, round(height / 64))
    points = [(round(x * width), round(y * height)) for x, y, _ in pose.tolist()]
    for number, (start, end) in enumerate(LIMBS):
        if pose[start, 2] > 0 and pose[end, 2] > 0:
            colour = COLOURS[number].tolist()
            cv2.line(image, points[start], points[end], colour, thickness, cv2.LINE_AA)
    for number, point in enumerate(points):
        if pose[number, 2] > 0:
            cv2.circle(image, point, thickness, COLOURS[number].tolist(), -1, cv2.LINE_AA)
    return image
