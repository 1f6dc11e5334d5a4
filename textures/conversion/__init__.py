"""Textures carried from one UV layout to another, through the surface of the bodies that have them."""
