"""Training a clip classifier, and its checkpoints."""
