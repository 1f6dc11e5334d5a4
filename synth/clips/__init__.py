"""Clips on disk: films, information, channels in two layouts, shards, and SURREAL's release."""
