"""What will be filmed: presets, and plans with one row a clip."""
