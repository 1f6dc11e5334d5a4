"""What a body looks like: visibility, textures, re-identification, generation and harvest."""
