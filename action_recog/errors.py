"""The exception for input that cannot be used.

This package stands alone, so it has its own.
"""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be used.

    The message is one line for the person who gave the input: the file (and line or frame), what
    was found, what was expected, and what to do. The command prints it and exits non-zero.
    """
