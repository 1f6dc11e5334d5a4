"""Bodies in textures, and films' labels, in the files that other programs read."""
