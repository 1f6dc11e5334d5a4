"""Garments, hair and carried things as geometry on a body, made from the body's own mesh."""
