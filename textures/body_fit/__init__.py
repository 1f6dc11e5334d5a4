"""From a pedestrian crop to SMPL pose, shape and camera."""
