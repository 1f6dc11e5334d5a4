"""SMPL poses in NumPy files: AMASS, SURREAL, plain arrays."""
