"""Kinds of objects other than people, each a configuration of the same method (RSTG section 4.6)."""
