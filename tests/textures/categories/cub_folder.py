"""A small folder in CUB-200-2011's layout, written by hand."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from textures.categories.birds.model import KEYPOINTS

IMAGES = (
    (3, "001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg", 1, 1),
    (5, "001.Black_footed_Albatross/Black_Footed_Albatross_0009_34.jpg", 1, 0),
    (8, "004.Groove_billed_Ani/Groove_Billed_Ani_0002_1670.jpg", 4, 1),
)


def write_cub(folder: Path) -> Path:
    """Three photographs of two species; of the last one six keypoints are visible."""
    (folder / "parts").mkdir(parents=True)
    lines: dict[str, list[str]] = {}

    def add(file: str, line: str) -> None:
        lines.setdefault(file, []).append(line)

    for number, part in enumerate(KEYPOINTS, 1):
        add("parts/parts.txt", f"{number} {part}")
    for number, name in ((1, "001.Black_footed_Albatross"), (4, "004.Groove_billed_Ani")):
        add("classes.txt", f"{number} {name}")
    rng = np.random.default_rng(0)
    for number, name, species, training in IMAGES:
        add("images.txt", f"{number} {name}")
        add("image_class_labels.txt", f"{number} {species}")
        add("train_test_split.txt", f"{number} {training}")
        add("bounding_boxes.txt", f"{number} 20.0 30.0 100.0 60.0")
        for part in range(1, 16):
            visible = part <= (6 if number == 8 else 10)
            x, y = (20.0 + part, 30.5 + part) if visible else (0.0, 0.0)
            add("parts/part_locs.txt", f"{number} {part} {x} {y} {int(visible)}")
        for below, suffix in (("images", ".jpg"), ("segmentations", ".png")):
            path = (folder / below / name).with_suffix(suffix)
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = rng.integers(0, 255, (110, 150, 3), dtype=np.uint8)
            if below == "segmentations":
                picture[:] = 0
                picture[30:90, 20:120] = 255
            cv2.imwrite(str(path), picture)
    for file, content in lines.items():
        (folder / file).write_text("\n".join(content) + "\n")
    return folder
