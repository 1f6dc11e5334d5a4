"""Whether clips are what they say: checks, results, and ground truth computed again."""
