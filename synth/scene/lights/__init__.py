"""Kinds of light as plain data, one file per kind, and the registry of them."""
