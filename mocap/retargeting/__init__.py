"""From a captured skeleton to SMPL's pose on a body: legs, foot contacts, ground."""
