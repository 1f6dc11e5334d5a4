"""Layers that networks of several methods are built of."""
