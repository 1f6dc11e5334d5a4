"""Labelled sets of videos: UCF101, rendered films."""
