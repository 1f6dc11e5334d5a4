"""Whether clips are what they say: checks, verdicts, and ground truth computed again."""
