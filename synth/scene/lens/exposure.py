"""Exposure: more light or less on the sensor, which clips at white."""

from __future__ import annotations

import numpy as np


def exposed(light: np.ndarray, stops: float) -> np.ndarray:
    """`light` (...) linear, times 2 to the power of `stops`."""
    return light if stops == 0.0 else light * np.float32(2.0**stops)
