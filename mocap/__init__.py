"""Bodies that move: SMPL-format bodies, motion files and retargeting."""
