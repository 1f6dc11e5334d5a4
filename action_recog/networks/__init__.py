"""Non-local blocks and 3-D residual networks."""
