"""Generated stand-ins in the real layouts for what cannot be shipped."""
