"""A dressed, moving, labelled body in fifteen statements: hello_labels.py MOTIONS TEXTURE OUT.png"""

import sys

import cv2
import numpy as np

from mocap import Skinning, load_body, load_motion, open_motion_library
from synth import (
    RasterRenderer,
    SphericalHarmonics,
    draw_view,
    ground_truth,
    pose_clip,
    read_preset,
    skin_clip,
)

motions, texture, out = sys.argv[1:]
rng = np.random.default_rng(7)
body = load_body()
motion = load_motion(open_motion_library(motions).entries[0], body)
view = draw_view(rng, read_preset().camera)
size = {"height": 240, "width": 320}
clip = pose_clip(motion, body, view, betas=[0.0] * 10, start=0, frames=30, **size)
vertices, joints = skin_clip(clip, Skinning(body))
labels = ground_truth(vertices, joints, body, clip.cameras)
renderer = RasterRenderer(body.mesh, **size)
renderer.set_texture(texture)
renderer.set_light(SphericalHarmonics((1.0, -0.5, 0, 0, 0, 0, 0, 0, 0)))
renderer.set_camera(clip.cameras[15])
picture = (renderer.render(vertices[15]).rgba[..., 2::-1] * 255).astype(np.uint8)
cv2.imwrite(out, np.hstack([picture, cv2.applyColorMap(labels.parts[14] * 10, cv2.COLORMAP_JET)]))
