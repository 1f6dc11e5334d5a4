"""Weights that others have published, by the names that they give their parameters."""
