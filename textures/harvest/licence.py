"""Whose photographs: the licence tag that every texture of a photograph carries."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mocap.errors import BadInput
from textures.market1501 import is_market1501

MARKET_1501 = "market-1501-research-only"
GENERATED = "generated-stand-in"


def licence_tag(
    images: Path, licence: str, *, stand_in: bool, report: Callable[[str], None]
) -> str:
    """The tag of a folder's crops.

    Args:
        images: the folder.
        licence: that was given; "" where none was.
        stand_in: whether the crops are generated.
        report: is told of a tag that was not given.

    Raises:
        BadInput: for photographs of which nothing says whose they are.
    """
    if licence.strip():
        return licence.strip()
    if stand_in:
        return GENERATED
    if Path(images).is_dir() and is_market1501(Path(images)):
        report(
            f"licence: {MARKET_1501}, as the folder has Market-1501's layout; --licence says otherwise"
        )
        return MARKET_1501
    raise BadInput(
        f"{images}: nothing says under which licence its photographs are; give it with --licence, as a "
        f"tag such as CC-BY-4.0, own-photographs or {MARKET_1501}"
    )
