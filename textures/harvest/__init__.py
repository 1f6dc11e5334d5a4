"""A folder of pedestrian crops becomes a library of body textures."""
