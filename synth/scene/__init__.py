"""What the camera sees: bodies in takes, cameras, light, backdrops, and the two engines."""
