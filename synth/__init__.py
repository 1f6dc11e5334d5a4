"""Films of dressed, moving bodies with exact ground truth, and the `synth` command."""

__version__ = "0.1.0"
