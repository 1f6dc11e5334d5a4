"""Decoding, frames in memory, and views of a video."""
