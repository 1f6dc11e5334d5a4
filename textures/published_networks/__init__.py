"""Networks that others published, built here, and the reading of their weights."""
