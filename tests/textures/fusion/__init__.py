"""Fusion of several photographs."""
