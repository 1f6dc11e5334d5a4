"""Whether a motion can be trusted: defects, limb collisions, the verdict."""
