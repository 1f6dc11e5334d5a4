"""Backgrounds that are places: where their floor and horizon are, and what a camera sees of them."""
