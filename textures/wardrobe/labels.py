"""What a texel or a pixel of a person shows, as one of few labels."""

from __future__ import annotations

LABELS = ("skin", "hair", "top", "bottom", "shoes", "carried")
"""Hats count as hair, socks as shoes, a dress, a jacket and a coat as top, a belt as bottom."""

LABEL_INDEX = {name: index for index, name in enumerate(LABELS)}
