"""Lines that tell what a run re-uses, goes on with or makes again."""

from __future__ import annotations

import sys

from tqdm import tqdm


def announce(line: str) -> None:
    """Print a line to stderr, above the progress bars; `--quiet` hides bars, not this."""
    tqdm.write(line, file=sys.stderr)
