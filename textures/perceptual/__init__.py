"""Distances between pictures by networks that were trained on other tasks: losses and measures alike."""
