"""Body models in SMPL's parameterisation, and skinning."""
