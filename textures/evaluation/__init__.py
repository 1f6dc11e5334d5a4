"""Textures measured against photographs, by measures and networks that had no hand in making them."""
