"""A folder of motions: its index, categories, splits and verdicts."""
