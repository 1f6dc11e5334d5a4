"""Motion files: one folder for each family of formats."""
